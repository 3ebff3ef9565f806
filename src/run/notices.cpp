#include "bertft/run/notices.h"

#include "bertft/util/log.h"

namespace bertft::run {

void tell_notices(const config::Resolved& resolved) {
  for (const std::string& notice : resolved.notices) log::info(notice);
}

config::Resolved resolve_and_tell(const config::Sources& sources) {
  config::Resolved resolved = config::resolve(sources);
  tell_notices(resolved);
  return resolved;
}

}  // namespace bertft::run
