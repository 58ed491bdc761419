"""The `campaign` command of a virtual environment: finds the project's folder and runs it.

pip in hash mode takes no local folder, so the command comes as this small wheel, which
requirements.txt lists with its hash. launcher/build.py makes it.
"""

import sys
from pathlib import Path


def project() -> "Path | None":
    """The folder that holds campaign/cli: the current one or one above it, else the venv's parent."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(sys.prefix).parent):
        if (folder / "campaign" / "cli" / "__init__.py").is_file():
            return folder
    return None


def main() -> None:
    """Run the command line in campaign/cli."""
    folder = project()
    if folder is None:
        sys.exit("The campaign project was not found here or above: change into its folder first.")
    sys.path.insert(0, str(folder))
    from campaign.cli import main as command

    command()
