// Waiting for a deploy: until its instances serve, or, for a job, until they have ended.
#pragma once

#include <string>
#include <vector>

#include "cli/api.hpp"
#include "cli/session.hpp"

namespace unik::cli {

// Shows the boot as it goes, then each instance's timeline and the app's URLs. 0 when all serve at that moment, or 1
// after the reason and the last lines of the console were printed; what has begun and ended again is waited for until
// it stays up or is in a crash loop. Errors: `timeout`/`wait_timed_out` and those of the API.
Result<int> await_deploy(const Session& session, const Api& api, const Operation& operation, Duration timeout);

// Streams the job's console and gives its exit code: its own; 128 + the signal's number; 137 without memory; 1 where it
// never ran. Of several instances the first that is not 0. Errors as above.
Result<int> await_job(const Session& session, const Api& api, const Operation& operation, Duration timeout);

// The exit code of unikctl for how a job's instance ended.
int exit_code_of(const InstanceStatus& status);

// The instances of the app's current rollout that are to run.
std::vector<InstanceView> current_instances(const AppView& app, const std::vector<InstanceView>& instances);

}  // namespace unik::cli
