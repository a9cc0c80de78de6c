import Compute
import Foundation
import Testing

struct SeededGeneratorTests {
  /// From the authors' C code (prng.di.unimi.it): splitmix64, started at the seed, fills the state of xoshiro256**.
  static let published: [(seed: UInt64, values: [UInt64])] = [
    (
      0,
      [0x99EC_5F36_CB75_F2B4, 0xBF6E_1F78_4956_452A, 0x1A5F_849D_4933_E6E0, 0x6AA5_94F1_262D_2D2C]
    ),
    (
      42,
      [0x1578_0B2E_0C2E_C716, 0x6104_D986_6D11_3A7E, 0xAE17_5332_39E4_99A1, 0xECB8_AD47_03B3_60A1]
    ),
    (
      .max,
      [0x8F55_20D5_2A7E_AD08, 0xC476_A018_CAA1_802D, 0x81DE_31C0_D260_469E, 0xBF65_8D7E_065F_3C2F]
    ),
  ]

  @Test(arguments: published)
  func followsThePublishedAlgorithm(seed: UInt64, values: [UInt64]) {
    var generator = SeededGenerator(seed: seed)
    #expect(values.map { _ in generator.next() } == values)
  }

  @Test func streamsOfASeedDiffer() {
    let firsts = (0..<100 as Range<UInt64>).map { stream in
      var generator = SeededGenerator(seed: 7, stream: stream)
      return generator.next()
    }
    #expect(Set(firsts).count == 100)
    var again = SeededGenerator(seed: 7, stream: 3)
    #expect(again.next() == firsts[3])
  }

  @Test func goesOnFromASavedState() throws {
    var generator = SeededGenerator(seed: 5)
    _ = generator.next()
    let saved = try JSONEncoder().encode(generator)
    var restored = try JSONDecoder().decode(SeededGenerator.self, from: saved)
    #expect(restored == generator)
    #expect((0..<10).map { _ in restored.next() } == (0..<10).map { _ in generator.next() })
  }

  @Test func uniformNumbersFillTheirRange() {
    var generator = SeededGenerator(seed: 2)
    let values = (0..<100_000).map { _ in generator.uniform(-2, 4) }
    #expect(values.allSatisfy { $0 >= -2 && $0 < 4 })
    // Mean 1 and variance 3; five standard errors of each.
    let mean = values.reduce(0, +) / 100_000
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 100_000
    #expect(abs(mean - 1) < 0.028)
    #expect(abs(variance - 3) < 0.043)
  }

  @Test func normalNumbersHaveTheirMoments() {
    var generator = SeededGenerator(seed: 3)
    let values = (0..<100_000).map { _ in generator.normal() }
    func moment(_ power: Int) -> Double {
      values.reduce(0) { $0 + pow($1, Double(power)) } / 100_000
    }
    // 0, 1, 0 and 3; five standard errors of each.
    #expect(abs(moment(1)) < 0.016)
    #expect(abs(moment(2) - 1) < 0.023)
    #expect(abs(moment(3)) < 0.062)
    #expect(abs(moment(4) - 3) < 0.16)
  }

  @Test(arguments: [0, 1, 2, 17, 1000])
  func aPermutationHasEveryElementOnce(count: Int) {
    var generator = SeededGenerator(seed: 4)
    let order = generator.permutation(count)
    #expect(order.sorted() == Array(0..<count))
    if count >= 17 { #expect(order != Array(0..<count)) }
  }

  @Test func boundedNumbersAreEven() {
    var generator = SeededGenerator(seed: 6)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[Int(generator.bounded(7))] += 1 }
    // 10,000 each; five standard deviations.
    #expect(counts.allSatisfy { abs($0 - 10_000) < 463 })
    #expect(generator.bounded(1) == 0)
  }
}
