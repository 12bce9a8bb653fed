from sailplane.cli.main import main

main()
