"""An entry of the challenge: the masks of its test patients as the zip that it asks for, and what is wrong with one."""
