// SPDX-License-Identifier: Apache-2.0

import Agent
import CommandLineKit
import Evidence
import Glibc

CryptographyLibrary.start()
// The commands by which the agent starts itself again are not for people: they skip the parser, because every session waits
// for two of them.
let arguments = OwnArguments.words(of: "stint-agent")
switch arguments.first {
case SupervisorProcess.command: exit(SupervisorProcess.run(Array(arguments.dropFirst())))
case WarmProcess.command: exit(WarmProcess.run(Array(arguments.dropFirst())))
case ChannelReader.command: exit(ChannelReader.run(Array(arguments.dropFirst())))
case JoinReader.command: exit(JoinReader.run(Array(arguments.dropFirst())))
case SecondStage.command: exit(SecondStage.run(Array(arguments.dropFirst())))
default: exit(agentProgram.main(arguments: arguments))
}
