"""`python -m yinling`: the same as the `yinling` command."""

from yinling.cli import main

if __name__ == "__main__":
    main()
