#pragma once
// The dense network whose answers a student learns besides the labels.
#include <memory>

#include "methods/method.h"
#include "models/network.h"

namespace automask::methods {

// Trains it by the student's own step, views and schedule, all conditions as augmentation, or reads it back from the
// job's work folder; null where the spec wants none. `record` gets what it cost: {"steps", "views", ...}.
std::unique_ptr<models::Network> teacher_of(const TrainJob& job, core::Json& record);

}  // namespace automask::methods
