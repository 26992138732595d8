// Everything that can be counted in this process, by whoever counts it: the one list behind Prometheus's page
// and --stats.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"

namespace vm::monitor {

/// Thread-safe. Sources are asked one by one, under the registry's lock; that costs those who count nothing.
class Registry {
  public:
    /// Hands over its figures. May be called on any thread; does not call the registry.
    using Source = std::function<void(MetricSink&)>;
    /// While it lives, its source is asked. When its destructor has returned, the source does not run and
    /// never will.
    class Registration {
      public:
        Registration() = default;
        Registration(Registration&& o) noexcept
            : registry_(std::exchange(o.registry_, nullptr)), id_(o.id_) {}
        Registration& operator=(Registration&& o) noexcept {
            std::swap(registry_, o.registry_);
            std::swap(id_, o.id_);
            return *this;
        }
        ~Registration() {
            if (registry_ != nullptr) registry_->remove(id_);
        }

      private:
        friend class Registry;
        Registration(Registry& registry, u64 id) : registry_(&registry), id_(id) {}
        Registry* registry_ = nullptr;  ///< outlives it
        u64 id_ = 0;
    };

    [[nodiscard]] Registration add(Source source);
    void collect(MetricSink& sink) const;
    /// Text exposition format 0.0.4.
    std::string prometheus() const;
    std::string json() const;

  private:
    void remove(u64 id);
    mutable std::mutex mutex_;
    std::vector<std::pair<u64, Source>> sources_;
    u64 next_ = 1;
};

}  // namespace vm::monitor
