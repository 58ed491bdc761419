"""The founding case as files that an organizer could have written, and what loads them."""

from campaign.demo.loader import load, load_folder, load_once
from campaign.demo.staff import LOGINS, add_logins, open_logins

__all__ = ["LOGINS", "add_logins", "load", "load_folder", "load_once", "open_logins"]
