"""What is said where an answer should not be trusted unseen."""

from __future__ import annotations


class UnreliableRestorationWarning(UserWarning):
    """A restoration may be worse than it looks, or than what went in; the message says what was seen and what to do.

    Examples
    --------
    >>> import warnings, unblur
    >>> warnings.simplefilter("ignore", unblur.UnreliableRestorationWarning)  # having looked at the picture
    """


class UnfinishedRestorationWarning(UnreliableRestorationWarning):
    """A restoration ended before it had converged; the message says how, and what to do.

    Examples
    --------
    >>> import warnings, unblur
    >>> warnings.simplefilter("error", unblur.UnfinishedRestorationWarning)  # rather no picture than one half done
    """


class UnusualPSFWarning(UserWarning):
    """A PSF has what PSFs seldom have, such as a background; the message says what, and what it does to the answer.

    Examples
    --------
    >>> import warnings, unblur
    >>> warnings.simplefilter("ignore", unblur.UnusualPSFWarning)  # one that is meant to move the image
    """
