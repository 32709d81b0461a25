// Whether this build is watched by a sanitizer: what only takes long, and touches no memory that a shorter
// run does not, is then run shorter.
#pragma once

namespace phios {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace phios
