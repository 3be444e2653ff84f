"""`python -m waystage`"""

from waystage.cli import main

main()
