import CKernels
import Compute
import TestSupport
import Testing

/// The ranking kernels against their references, at every level that the machine has.
@Suite struct RankingKernelTests {
  private static let counts = [1, 2, 5, 15, 16, 17, 31, 32, 33, 64, 257]

  /// Rows with many ties, some with what is no number, some of nothing else.
  private func rows(count: Int) -> [[Float]] {
    var generator = SeededGenerator(seed: UInt64(count))
    return (0..<12).map { kind in
      (0..<count).map { _ in
        let special = generator.uniform() < [0, 0, 0.2, 0.9, 1][min(4, kind / 2)]
        let value = Float((generator.normal() * 3).rounded())
        return special ? [.nan, -.infinity, .nan][Int(generator.bounded(3))] : value
      }
    }
  }

  @Test(arguments: CPULevel.available, counts)
  func orderIsThatOfTheReferences(level: CPULevel, count: Int) {
    for row in rows(count: count) + [[Float](repeating: .nan, count: count)] {
      level.run {
        #expect(pb_best_of(row, count) == pb_best_of_reference(row, count), "\(row)")
        for index in 0..<count {
          #expect(
            pb_rank_of(row, count, index) == pb_rank_of_reference(row, count, index), "\(index) of \(row)")
        }
      }
    }
  }

  @Test(arguments: CPULevel.available, counts)
  func sumsAreThoseOfTheReferences(level: CPULevel, count: Int) {
    var generator = SeededGenerator(seed: 7)
    let scores = (0..<count).map { _ in Float(20 * generator.normal()) }
    let maximum = scores.max()!
    level.run {
      let expected = pb_exponential_sum_reference(scores, count, maximum)
      // Up to 257 roundings of 6e-8 and exponentials that are right to a few of those.
      #expect(abs(Double(pb_exponential_sum(scores, count, maximum)) / expected - 1) < 2e-6)
      let softplus = pb_softplus_sum_reference(scores, count)
      #expect(abs(Double(pb_softplus_sum(scores, count)) - softplus) < 2e-6 * max(1, softplus))
      var probabilities = scores
      let sum = pb_exponential_shares(&probabilities, count, maximum)
      #expect(sum == pb_exponential_sum(scores, count, maximum))
      for (probability, score) in zip(probabilities, scores) {
        let one = pb_exponential_sum_reference([score], 1, maximum)
        #expect(abs(Double(probability) - one / expected) < 2e-6)
      }
    }
  }

  @Test(arguments: CPULevel.available) func whatIsNoNumberStaysNone(level: CPULevel) {
    for place in [0, 15, 16, 18] {
      var scores = [Float](repeating: 1, count: 19)
      scores[place] = .nan
      level.run {
        #expect(pb_exponential_sum(scores, 19, 1).isNaN)
        #expect(pb_softplus_sum(scores, 19).isNaN)
        #expect(pb_exponential_shares(&scores, 19, 1).isNaN)
      }
    }
  }
}
