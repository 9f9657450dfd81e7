"""Training under a budget.

What was tried
--------------
On the default jets, 16-20-5, 100 epochs. Figures are differences in accuracy in percentage points, the mean over pairs
of trainings with the same seed and budget +- its standard error; "test" is the test split (7,979 jets: one pair has an
error of about 0.25), else the mean of that and the validation split. Single pairs show no more than that there is no
large gain.

What paid:

- Batches of 1,024 events instead of 4,096, as many epochs: +0.44 +- 0.17 (3 seeds at 400 LUTs, 2 at 1,000; 2 % more of
  the budget used), for some 3 to 8 s more CPU time of a training of half a minute.

What did not, and is not in:

- Table entries with 4 fractional bits at the start instead of 6: test +0.13 +- 0.10 (batches of 1,024, 400 LUTs, 3
  seeds), below the 0.2 that something has to gain.
- Address widths of at most 4 bits at the start: test -0.44, 8 % fewer LUTs (one pair, 400 LUTs).
- Cosine cycles of 25 epochs while widths are trained, instead of one cosine: test -1.45 (one pair, 400 LUTs; freezing
  came within a cycle).
- Half of the labels from boosted trees, out of fold (distillation): test -0.08 +- 0.13 (2 seeds at 400 and at 1,500
  LUTs). Distillation from the unquantized network was not measured: its accuracy is below that of the trees.
- Label smoothing of 0.1: test +0.13 and -0.34 (2 seeds, 400 LUTs).
- The mean of the weights of the last 10 epochs, put in before widths are frozen: test -0.31, 10 % fewer LUTs (one pair,
  400 LUTs).
- Hidden layers of 4 and of 12 units behind the edges instead of 8: test -0.58 and -0.32 (one pair each, 400 LUTs).

Judged by 200,000 further jets (config/examples/more_jets.yaml), 1,000 LUTs, six seeds, with the kernels before:

- A learning rate of 0.005 instead of 0.01: +0.10 +- 0.05, but with 300 epochs at 400 LUTs -0.12 +- 0.02 (4 seeds); of
  0.003: -0.08 +- 0.06; of 0.02: -0.02 +- 0.10.
- Batches of 512 instead of 1,024: +0.04 +- 0.03; with a learning rate of 0.005: +0.02 +- 0.04.
- 200 epochs instead of 100: -0.05 +- 0.11. Longer trainings fit the training split better (66.9 % with 300 epochs at
  1,500 LUTs, 66.5 % with 100), not the further jets (65.57 and 65.56 %).
- Hidden layers of 12, 32 and 20-10 instead of 20: +0.10 +- 0.07, -0.11 +- 0.06, -0.18 +- 0.03.
- Half of the labels from boosted trees, out of fold, at a learning rate of 0.005: -0.04 +- 0.03 (5 seeds).
"""
