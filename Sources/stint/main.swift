// SPDX-License-Identifier: Apache-2.0

import Client
import CommandLineKit
import Glibc

exit(ClientProgram.run(OwnArguments.words(of: "stint")))
