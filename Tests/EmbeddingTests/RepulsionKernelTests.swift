import CKernels
import Compute
import TestSupport
import Testing

/// The kernel of forces against its reference, at every level that the machine has.
@Suite struct RepulsionKernelTests {
  @Test(arguments: CPULevel.available, [0, 1, 2, 7, 8, 15, 16, 17, 33])
  func forcesAreThoseOfTheReference(level: CPULevel, count: Int) {
    var generator = SeededGenerator(seed: UInt64(count))
    func draw(_ count: Int) -> [Double] { (0..<count).map { _ in generator.normal() * 3 } }
    for sourceCount in [0, 1, 5, 100] {
      let (x, y) = (draw(count), draw(count))
      // The points themselves are among the sources, as in the tree.
      let (sourceX, sourceY) = (x + draw(sourceCount), y + draw(sourceCount))
      let mass = sourceX.map { _ in 1 + Double(generator.bounded(5)) }
      let start = (draw(count), draw(count), draw(count))
      var (forceX, forceY, affinity) = start
      level.run {
        pb_repulsion(x, y, count, sourceX, sourceY, mass, mass.count, &forceX, &forceY, &affinity)
      }
      var expected = start
      pb_repulsion_reference(
        x, y, count, sourceX, sourceY, mass, mass.count, &expected.0, &expected.1, &expected.2)
      // A product and a sum may fuse; up to 133 terms of up to 5.
      let differences = zip(forceX + forceY + affinity, expected.0 + expected.1 + expected.2).map {
        abs($0 - $1)
      }
      #expect(differences.allSatisfy { $0 < 1e-12 })
    }
  }
}
