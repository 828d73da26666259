// Keys of signatures as users name them: files of minisign's form, relative to the working directory.
#pragma once

#include <optional>
#include <string>

#include "api/result.hpp"
#include "cli/session.hpp"
#include "runtimes/lib/signature/minisign.hpp"

namespace unik::cli {

// A secret key; none where no file is named. Errors: `not_found/no_such_file`, `invalid/bad_secret_key`.
Result<std::optional<runtimes::SecretKey>> read_signing_key(const Session& session, const std::string& file);

// A public key's file, or the line of base64 in it. Errors: `invalid/bad_public_key`.
Result<runtimes::PublicKey> read_public_key(const Session& session, const std::string& file_or_line);

}  // namespace unik::cli
