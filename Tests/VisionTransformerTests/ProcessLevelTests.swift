import CKernels
import Foundation
import TestSupport
import Testing

/// That what PATCHBANK_CPU asks for is what is tested.
struct ProcessLevelTests {
  @Test func theEnvironmentDecidesTheLevel() throws {
    let best = try #require(CPULevel(rawValue: pb_cpu_best_level().rawValue))
    let names = ["baseline": CPULevel.baseline, "avx2": .avx2, "avx512": .avx512, "avx512bf16": .avx512bf16]
    let asked =
      try ProcessInfo.processInfo.environment["PATCHBANK_CPU"].map { try #require(names[$0]) } ?? best
    #expect(pb_cpu_process_level().rawValue == min(asked.rawValue, best.rawValue))
    #expect(pb_cpu_environment_is_valid() != 0)
  }
}
