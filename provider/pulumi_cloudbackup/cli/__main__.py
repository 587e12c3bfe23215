"""`python -m pulumi_cloudbackup.cli` is `cloudbackup`."""

import sys

from pulumi_cloudbackup.cli import main

if __name__ == "__main__":
    sys.exit(main())
