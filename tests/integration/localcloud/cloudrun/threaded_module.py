"""A module that starts a thread when it is imported, which no preloaded module should."""

import threading
import time

threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
