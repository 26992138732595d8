// What most sources include, compiled once (VmPch.cmake). Every file includes what it needs all the same:
// headers are compiled alone by ./dev docs, sources without this by the clang preset.
#ifdef __cplusplus
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#endif
