// SPDX-License-Identifier: Apache-2.0

import Client
import Glibc

exit(ClientProgram.run(Array(CommandLine.arguments.dropFirst())))
