// Every metric the database takes. A new one is a line here; an unknown name is refused when a run is recorded.
#include <iterator>

#include "results/schema.h"

namespace automask::results {
namespace {

constexpr MetricDefinition table[] = {
    // accuracy
    {"top1", "%", "higher", "pictures whose most likely class is the right one"},
    {"top5", "%", "higher", "pictures whose right class is among the five most likely"},
    {"top1_reference", "%", "higher", "top1 of the trained network before packaging, by the training framework"},
    {"top1_validation", "%", "higher", "top1 on the pictures held out of training"},
    {"adapted_validation_top1", "%", "higher",
     "the same of a network that adapts to them: what constants of adaptation are chosen by"},
    {"unseen_severity_top1", "%", "higher", "top1 on a severity that training did not show, its corruption trained"},
    {"unseen_corruption_top1", "%", "higher", "top1 on a corruption of which training showed nothing"},
    {"mean_top1_trained", "%", "higher",
     "headline: mean top1 over the trained conditions, the condition predicted where the network has several sets"},
    {"clean_top1", "%", "higher", "headline top1 on clean pictures, the condition predicted as above"},
    {"mean_top1_oracle", "%", "higher", "mean top1 over the trained conditions, each with its own set selected"},
    {"mean_top1_unseen_severity", "%", "higher", "mean headline top1 over held-out severities of trained corruptions"},
    {"mean_top1_unseen_corruption", "%", "higher", "mean headline top1 over held-out corruptions"},
    {"mix_top1", "%", "higher", "headline top1 with the conditions weighted as a mix of the manifest says"},
    {"predicted_top1", "%", "higher", "top1 where the estimator picks each picture's condition on the device"},
    {"predicted_unseen_severity_top1", "%", "higher", "unseen_severity_top1 with the condition the estimator picks"},
    {"predicted_unseen_corruption_top1", "%", "higher",
     "unseen_corruption_top1 with the condition the estimator picks"},
    {"random_condition_top1", "%", "higher", "top1 with a condition drawn at random for each picture, expected"},
    {"stream_top1", "%", "higher",
     "top1 of a stream whose condition changes every 30 frames, with the package's hysteresis"},
    {"stream_frame_top1", "%", "higher", "the same, each frame judged alone"},
    {"stream_switches", "", "lower", "switches of the condition in 100 frames of that stream, with hysteresis"},
    {"stream_frame_switches", "", "lower", "the same, each frame judged alone"},
    {"wrong_condition_top1", "%", "higher", "top1 with one of the other conditions for each picture, expected"},
    {"estimator_good", "%", "higher",
     "pictures whose picked condition is as good as the right one: at most 0.5 points less top1 on those pictures"},
    {"estimator_accuracy", "%", "higher", "pictures for which the estimator picks the condition they were made under"},
    // time
    {"latency_median", "ms", "lower", "median time of one inference, picture in memory to logits"},
    {"latency_p90", "ms", "lower", "90th percentile of the time of one inference"},
    {"latency_p99", "ms", "lower", "99th percentile of the time of one inference"},
    {"latency_mean", "ms", "lower", "mean time of one inference"},
    {"predicted_latency_median", "ms", "lower", "latency_median, estimator and switch of the condition included"},
    {"predicted_latency_p90", "ms", "lower", "latency_p90, estimator and switch of the condition included"},
    {"predicted_latency_p99", "ms", "lower", "latency_p99, estimator and switch of the condition included"},
    {"latency_min", "ms", "lower", "shortest time of one inference"},
    {"latency_max", "ms", "lower", "longest time of one inference"},
    {"mix_latency_median", "ms", "lower", "mean of latency_median weighted as a mix says, estimator included"},
    {"switch_load", "ms", "lower", "mean time to load and prepare another condition's package, by the host's clock"},
    {"throughput", "1/s", "higher", "inferences per second of the host's clock"},
    {"energy", "mJ", "lower", "energy of one inference"},
    // bytes
    {"package_bytes", "B", "lower", "size of the deployable file"},
    {"weights_bytes", "B", "lower", "part of the package: weights of the union of all masks"},
    {"masks_bytes", "B", "lower", "part of the package: channel masks of all conditions"},
    {"normalisation_bytes", "B", "lower", "part of the package: scale and bias of all conditions"},
    {"estimator_bytes", "B", "lower", "part of the package: the network that picks a picture's condition"},
    {"structure_bytes", "B", "lower", "part of the package: header, names, graph"},
    {"dense_bytes", "B", "lower", "parameters of the unmasked network in FP32"},
    {"encoded_bytes_mean", "B", "lower", "mean size of one picture as the condition's codec leaves it"},
    // computation
    {"macs", "MAC", "lower", "multiply-accumulates of one inference, counted on the shrunk network"},
    {"general_macs", "MAC", "lower", "macs under the set that serves what no condition describes"},
    {"mean_macs", "MAC", "lower", "mean of macs over the trained conditions, adaptation_macs added"},
    {"mix_macs", "MAC", "lower", "mean of macs weighted as a mix of the manifest says"},
    {"adaptation_macs", "MAC", "lower", "multiply-accumulates of one picture's share of adapting at test time"},
    {"estimator_macs", "MAC", "lower", "multiply-accumulates of the estimator, which macs leaves out"},
    {"macs_dense", "MAC", "lower", "multiply-accumulates of the unmasked network"},
    {"macs_share", "1", "lower", "macs as a share of the unmasked network's"},
    {"parameters", "1", "lower", "trained numbers in the network"},
    {"mask_overlap", "1", "none",
     "channels that two conditions keep both, of those that either keeps; mean over pairs"},
    {"condition_sets", "1", "none", "sets of masks and normalisation in the package; one is selected per picture"},
    // correctness
    {"verify_difference", "1", "lower", "largest difference of package and trained network, of the largest logit"},
    {"quantised_agreement", "%", "higher", "pictures that the FP16 or INT8 package gives the class that FP32 does"},
    {"reference_pictures", "1", "none",
     "pictures of a simulated engine that agreed with the integer reference, bit for bit"},
    // what the work cost
    {"train_seconds", "s", "lower", "wall-clock time of training"},
    {"train_loss", "1", "lower", "loss at the end of training"},
    {"train_views", "1", "none",
     "pictures drawn during training, repeats included; a method may show each several times"},
};

}  // namespace

std::span<const MetricDefinition> metric_definitions() { return table; }

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  for (const MetricDefinition& metric : table) names.emplace_back(metric.name);
  return names;
}

void write_metric_definitions(SQLite::Database& database) {
  // Reads first: opening a store whose table is right takes no write lock.
  SQLite::Statement same(
      database, "SELECT count(*) FROM metric_def WHERE name = ? AND unit = ? AND direction = ? AND description = ?");
  const auto bind = [](SQLite::Statement& statement, const MetricDefinition& metric) {
    statement.reset();
    statement.bindNoCopy(1, metric.name);
    statement.bindNoCopy(2, metric.unit);
    statement.bindNoCopy(3, metric.direction);
    statement.bindNoCopy(4, metric.description);
  };
  bool current = true;
  for (const MetricDefinition& metric : table) {
    bind(same, metric);
    same.executeStep();
    if (same.getColumn(0).getInt() == 0) current = false;
  }
  same.reset();
  if (current) return;
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  SQLite::Statement write(database,
                          "INSERT INTO metric_def(name, unit, direction, description) VALUES(?, ?, ?, ?) "
                          "ON CONFLICT(name) DO UPDATE SET unit = excluded.unit, direction = excluded.direction, "
                          "description = excluded.description");
  for (const MetricDefinition& metric : table) {
    bind(write, metric);
    write.exec();
  }
  transaction.commit();
}

}  // namespace automask::results
