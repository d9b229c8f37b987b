"""What tracksmith does on a GPU: right, the same twice, without memory, how fast.

``python -m tests.gpu --out FOLDER [--budget SECONDS] [--sections a,b] [--fixtures FOLDER]``

Each section stands alone in its own time; what breaks it is printed and the next
one runs. Findings are lines of JSON as they are known, in ``FOLDER/results.jsonl``
too, and a table at the end. ``--device cpu --tiny`` runs the same code without a GPU.
"""
