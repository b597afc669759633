-- Mean, clean and worst accuracy of every run over its conditions
SELECT dataset, model, method, target, seed, mean_top1, clean_top1, worst_top1, worst_condition, conditions, evidence,
       condition_source, experiment, run
FROM robustness
ORDER BY experiment, position
