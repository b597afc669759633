-- Bytes of every package and of its parts, beside those of the dense network
SELECT dataset, model, method, target, seed, package_bytes, weights_bytes, masks_bytes, normalisation_bytes,
       package_bytes - weights_bytes - masks_bytes - normalisation_bytes - structure_bytes AS estimator_bytes,
       structure_bytes, dense_bytes, share_of_dense, evidence, experiment, run
FROM storage
ORDER BY experiment, position
