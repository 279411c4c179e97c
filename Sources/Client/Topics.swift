// SPDX-License-Identifier: Apache-2.0

import CommandLineKit

/// What `stint help TOPIC` explains beside the commands.
enum Topics {
    static let all: [Program.Topic] = [
        .init(
            "selectors", "How nodes are chosen by their tags",
            """
            A selector is a list of conditions with commas, and a node matches when all of them hold. A condition is TAG=VALUE, \
            with several values as TAG=A|B. Every node has the tag `name`, and a word alone is a name. `*` is every node.

              db-1                    the node db-1
              env=prod,role=db        the databases of production
              env=staging,role=db|web

            Tags come from the invitation the node joined with; what a node says about itself decides nothing. `stint nodes` \
            shows the tags of those you may ask for. Quote `|` and `*` for your shell.
            """),
        .init(
            "durations", "How lengths of time are written",
            """
            Whole numbers with their units, the largest first: 45s, 30m, 1h30m, 2d. A number without a unit is refused: nobody \
            should have to guess whether 10 means seconds or minutes.
            """),
        .init(
            "escapes", "What ~ does in a session",
            """
            At the start of a line, ~ and a key are for Stint and not for the program:

              ~.  close the session       ~t  tell the time left
              ~+  ask for more time       ~?  list them all
              ~~  type one ~

            After ~+ type how much longer and why, as `30m the index takes longer`. The shell goes on as it is.

            The window's title tells the time left. 10, 5 and 1 minutes before the end a line says so; while a full-screen \
            program has the window, the bell rings, the title says it, and the line follows when the program has left.
            """),
        .init(
            "life", "From a question to its receipt",
            """
            You ask for some nodes, for a time, with a reason: a request. The people whom the policy names approve or deny it; \
            when every seat is filled it is a grant. Its clock starts with the first session, and at its end every session ends \
            within a second. Each node signs a receipt of what was killed and what is left.

              stint shell db-1 -r WHY --for 30m      all of it in one go
              stint show r-…                         what happened, line by line
              stint done                             give it back before its time
            """),
        .init(
            "scripts", "Writing programs around stint",
            """
            --json writes the API's objects, --json-lines one a line. Errors are then {"error":{"code","message","hint"}} on \
            the standard error. Codes such as `grant.not-found` are never renamed and never reused; sentences may change.

            Exit statuses: 0 done, 1 failed, 2 usage, 3 refused, 4 not found, 5 wrong state, 6 unreachable, 7 not \
            authenticated. `stint shell` and `stint exec` give the remote status, 255 when Stint ended the session or failed.

            A script that agrees to something names it: stint approve r-… --yes --digest HEX.
            """),
    ]
}
