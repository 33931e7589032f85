"""The one tree of exceptions. Each message says what was found, what was expected, what to do."""


class SeimaiError(Exception):
    """Base of every error that seimai raises on purpose; the command line prints it and exits 2."""


class OptionError(SeimaiError):
    """A command-line option or a setting is wrong; raised before any work is done."""


class InputError(SeimaiError):
    """An input named by the user cannot be used at all (missing, or of unknown kind)."""


class RecipeError(SeimaiError):
    """A recipe does not say what a recipe can say; names the file, the line and the key."""


class BundleError(SeimaiError):
    """A classifier bundle is missing, incomplete, or not what its digest says."""


class RunError(SeimaiError):
    """A run's folder is not in the state that the command needs."""


class IntegrityError(SeimaiError):
    """Stored data does not match what was committed: a byte, a row, or a total is off."""


class ConvergenceError(SeimaiError):
    """Connected components did not settle within the allowed number of rounds."""


class WorkerError(SeimaiError):
    """A worker died or failed too often on one task; names the task and what it covers."""
