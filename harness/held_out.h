#pragma once
// Conditions that are tested but never trained on: what of them is new to a network, and which of its sets is theirs.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corruptions/condition.h"

namespace automask::harness {

// A severity (or quality) of a trained chain that training never showed, or a corruption of which it showed none.
enum class Unseen { severity, corruption };
std::string_view to_string(Unseen unseen);

Unseen unseen_of(const std::vector<corruptions::Condition>& trained, const corruptions::Condition& condition);

// Whether who was trained on `other` has seen `unseen`: the very condition, or of an unseen corruption what no
// `trained` condition shows: an operator of it, or where each of them is trained in other chains, the chain.
bool shows(const corruptions::Condition& other, const corruptions::Condition& unseen,
           const std::vector<corruptions::Condition>& trained);

// Index of the condition itself, else of the same chain at the nearest levels (the first of equally near ones). Nothing
// where no trained chain has the same operators: then no set is the right one.
std::optional<int> right_set(const std::vector<corruptions::Condition>& trained,
                             const corruptions::Condition& condition);

// Which of a network's sets, by their names, serves a condition: its own; the nearest trained severity's; the general
// one, "*"; else the first.
int set_for(const std::vector<std::string>& sets, const std::string& condition);

// "unseen_severity_top1" or "unseen_corruption_top1".
std::string held_out_metric(const std::vector<std::string>& trained, const std::string& condition);

}  // namespace automask::harness
