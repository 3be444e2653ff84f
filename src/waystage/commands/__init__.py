"""What the command line's words do: read what was typed, call one room, print. One file per group of commands."""
