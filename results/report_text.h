#pragma once
// Inside of the room: what both forms of the report say in words, said once.
#include <string>
#include <vector>

#include "results/report_data.h"

namespace automask::results {

extern const char* const reading_note;   // whose algorithm this is
extern const char* const interval_note;  // what the brackets mean
extern const char* const latency_note;
extern const char* const storage_note;
extern const char* const predicted_note;
extern const char* const held_out_note;
extern const char* const mix_note;

// Over how many seeds a section's accuracies are, and which interval follows: "one seed, Wilson intervals".
std::string seeds_text(const Section& section);

// Who knew the condition, for the methods of one section.
std::string condition_note(const Section& section);

// "measured", or "measured, modelled" where they are mixed.
std::string evidence_text(const Number& number);
// One letter per evidence, explained by evidence_legend().
std::string evidence_letters(const Number& number);
struct Evidence {
  const char *letter, *name, *meaning;
};
const std::vector<Evidence>& evidence_legend();

// "[70.6, 72.4]"; empty where nothing is known, "?" for the side that is not.
std::string interval_text(const Number& number, std::string (*format)(double));
std::string percent(double value);   // 71.52
std::string percent1(double value);  // 71.5

// The conditions of a metric in a section, in the section's order; those of the network as a whole are "".
std::vector<std::string> conditions_of(const Section& section, const std::string& metric);

// Which rows have the best known value; none where there is nothing to be better than.
std::vector<bool> best_rows(const std::vector<Number>& column, bool higher);

// Columns of the table that sets the given condition beside the one that the package's estimator picked; none where no
// estimator was at work.
struct PredictedColumn {
  std::string head, metric, condition;
  bool mean, milliseconds;  // over conditions; else percent
};
std::vector<PredictedColumn> predicted_columns(const Section& section);

// Columns of the table of conditions that were never trained on, and of mixes; none where nothing of it was tested.
std::vector<PredictedColumn> held_out_columns(const Section& section);
std::vector<PredictedColumn> mix_columns(const Section& section);

struct StoragePart {
  const char *metric, *label;
};
const std::vector<StoragePart>& storage_parts();

std::string section_title(const Section& section);
std::string short_key(const std::string& key);
// "12 passed, 1 failed", in the order of the states' list.
std::string states_text(const std::vector<RunRow>& runs);

// {"a": {"b": 1}} as pairs "a.b" and "1".
std::vector<std::pair<std::string, std::string>> flattened(const core::Json& document);

}  // namespace automask::results
