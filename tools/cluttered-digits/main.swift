print("cluttered-digits")
