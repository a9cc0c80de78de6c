import CKernels

/// The instruction sets that kernels are compiled for.
public enum CPULevel: UInt32, CaseIterable, Sendable {
  case baseline, avx2, avx512, avx512bf16

  /// Those that this machine has.
  public static var available: [CPULevel] { allCases.filter { $0.rawValue <= pb_cpu_best_level().rawValue } }

  /// Runs the body with this thread's kernels at this level. What the body leaves to other threads is not affected.
  public func run<Result>(_ body: () throws -> Result) rethrows -> Result {
    let before = pb_cpu_current_level()
    pb_cpu_set_level(pb_cpu_level(rawValue))
    defer { pb_cpu_set_level(before) }
    return try body()
  }
}
