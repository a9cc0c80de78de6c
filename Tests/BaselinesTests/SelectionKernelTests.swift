import CKernels
import Compute
import TestSupport
import Testing

/// The kernel that looks for candidates against its reference, at every level that the machine has.
@Suite struct SelectionKernelTests {
  @Test(arguments: CPULevel.available, [1, 2, 5, 15, 16, 17, 31, 32, 33, 64, 257])
  func selectionIsThatOfTheReference(level: CPULevel, count: Int) {
    var generator = SeededGenerator(seed: UInt64(count))
    for oddShare in [0, 0.2, 1] {
      let row = (0..<count).map { _ in
        let isOdd = generator.uniform() < oddShare
        return isOdd
          ? [.nan, -.infinity][Int(generator.bounded(2))] : Float((generator.normal() * 3).rounded())
      }
      for threshold in [-Float.infinity, -2, 0, 2.5, 100] {
        var (selected, expected) = (
          [UInt32](repeating: 0, count: count), [UInt32](repeating: 0, count: count)
        )
        let size = level.run { pb_select_above(row, count, threshold, &selected) }
        #expect(size == pb_select_above_reference(row, count, threshold, &expected))
        #expect(selected.prefix(size) == expected.prefix(size))
      }
    }
  }
}
