// SPDX-License-Identifier: Apache-2.0

import Client
import CommandLineKit
import Evidence
import Glibc

CryptographyLibrary.start()
exit(ClientProgram.run(OwnArguments.words(of: "stint")))
