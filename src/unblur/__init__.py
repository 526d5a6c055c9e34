"""unblur takes the blur out of images.

`deblur` and `restore` need an image and a PSF. `unblur.operators` and `unblur.inversion` are what they stand on: linear
operators with exact adjoints, and solvers that take any sum of terms over them.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
