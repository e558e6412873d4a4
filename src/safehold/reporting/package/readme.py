"""What a package says to whoever unpacks it: `docs/how-to/verify-a-package.md` in short."""

from __future__ import annotations

README = """\
HOW TO VERIFY THIS PACKAGE

Only sha256sum, sha512sum, openssl and python3 are needed. Nothing is sent anywhere.
All commands run in the folder that has bagit.txt.

1. Nothing is missing, and nothing was altered:

   sha256sum --check --quiet --strict manifest-sha256.txt
   sha512sum --check --quiet --strict manifest-sha512.txt
   sha256sum --check --quiet --strict tagmanifest-sha256.txt
   sha512sum --check --quiet --strict tagmanifest-sha512.txt

   The folder is a BagIt bag (RFC 8493); any tool for those finds what was added, too.

2. The manifests are those that were signed:

   openssl pkeyutl -verify -pubin -inkey key.pem -rawin \\
     -in package-statement.txt -sigfile package-statement.sig
   grep -E '^[0-9a-f]{64}  ' package-statement.txt | sha256sum --check --quiet --strict

3. The key is the sender's. This cannot be seen from the package: whoever altered the package
   could have put in a key of their own. Print the fingerprint of the key, and compare it with
   the one that the sender tells you by another way, such as a telephone call to a number that
   you know:

   openssl pkey -pubin -in key.pem -outform DER | sha256sum

4. The chain of custody: in data/custody

   openssl pkeyutl -verify -pubin -inkey key.pub.pem -rawin \\
     -in statement.txt -sigfile statement.sig
   grep -E '^[0-9a-f]{64}  ' statement.txt | sha256sum --check --quiet --strict

   Each line of events.jsonl is an event of the sender's audit log: the event, its hash, and the
   hash of the event before. SHA-256 over the 32 bytes of "previous" and the text of "event",
   exactly as it stands there, is "hash".

   That proves that no line was altered since it was signed, and links lines with adjacent
   numbers. Events of other cases stand between the others and are not handed out. So it is the
   sender's signed word, and not a proof, that the lines stand in one log and that none of these
   cases is left out. checkpoints.txt has signed numbers and hashes of single events of the log;
   compare them with those that the sender published or deposited at the time, if there are any.

WHAT IS HERE

   data/evidence/     original bytes, unaltered, under neutral names. They may be harmful to look
                      at, and may be unlawful to have.
   data/case.json     all that is known of the case; summary.html and summary.pdf show the same,
                      without pictures
   data/report/       the report as it was agreed to, and what the authority answered
   data/custody/      the chain of custody
"""
