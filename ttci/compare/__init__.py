"""Two commits side by side on one machine: was it this commit?

`worker` is the process of one side, which imports its own checkout's models; everything else runs in the
process that starts the workers, lets them take turns and judges what they measured.
"""
