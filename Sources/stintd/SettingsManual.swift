// SPDX-License-Identifier: Apache-2.0

import CommandLineKit

/// The manual page of the broker's settings, stintd-settings(5).
let settingsManual = FileManual(
    name: "stintd-settings", summary: "limits of room for a broker",
    discussion: """
        JSON5, read at every start and each time the room is measured. The file may be missing. An unknown key makes it invalid. \
        Sizes are written 512MiB, 20GiB or 2TiB.
        """,
    parts: [
        .init("The file", [.init("recordings", "OBJECT", "Room for recordings.")]),
        .init(
            "recordings",
            [
                .init("limit", "SIZE", "What recordings may take. At 80 % the broker warns, and at the limit it opens no session. As much as there is, if left out."),
                .init("leaveFree", "SIZE", "What stays free on the disk of the home: the database must be able to go on. It is 256MiB if left out."),
            ]),
    ],
    files: [.init("/var/lib/stint/settings.json5", "Where the broker's home is not another.")])
