"""Layer kinds that are added as modules; all modules of this folder are imported and register themselves."""

from trigger_lut.utils.plugins import import_modules

import_modules(__name__, __path__)
