import Reporting
import TestSupport
import Testing

@Suite struct AxisScaleTests {
  @Test func ticksAreRoundAndHoldTheValues() {
    let scale = AxisScale([0.13, 0.87], tickCount: 5, from: 300, to: 100)
    #expect(scale.ticks.map(scale.text) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(scale.place(0) == 300 && scale.place(1) == 100 && abs(scale.place(0.25) - 250) < 1e-9)
  }

  @Test func anAxisThatIsNotWidenedEndsAtItsValues() {
    let scale = AxisScale([3, 87], tickCount: 10, widened: false, from: 0, to: 84)
    #expect(scale.ticks.map(scale.text) == ["10", "20", "30", "40", "50", "60", "70", "80"])
    #expect(scale.place(3) == 0 && scale.place(87) == 84)
  }

  /// Shares in percent: none at all, all, a few, one more than there can be by rounding, and none known.
  @Test(arguments: [
    ([0, 0], 0.0, 0.5), ([100], 90, 100), ([99.7, 100], 99.7, 100), ([20, 80], 20, 80), ([-3, 104], -3, 104),
    ([.nan], 0, 100),
  ])
  func boundsAreNotLeftForRoom(_ values: [Double], low: Double, high: Double) {
    for widened in [true, false] {
      let scale = AxisScale(values, bounds: 0...100, widened: widened, from: 0, to: 1)
      #expect(abs(scale.low - low) < 1e-9 && abs(scale.high - high) < 1e-9)
      #expect(scale.ticks.count >= 3 && scale.ticks.allSatisfy { $0 >= low && $0 <= high })
    }
  }

  @Test func anAxisEndsAtItsBoundsWhereTicksDoNot() {
    // Steps of 20 would go on to 1000.
    let scale = AxisScale([903, 989], bounds: 0...990, from: 0, to: 1)
    #expect(scale.ticks == [900, 920, 940, 960, 980] && scale.low == 900 && scale.high == 990)
    let powers = AxisScale([3, 900], bounds: 2...990, isLogarithmic: true, from: 0, to: 1)
    #expect(powers.ticks == [2, 5, 10, 20, 50, 100, 200, 500] && powers.low == 2 && powers.high == 990)
  }

  @Test func sharesOfNothingAndOfAllAreDrawnWithinWhatIsPossible() throws {
    for (share, beyond) in [(0.0, "-0."), (100, "110")] {
      let plot = LinePlot(
        "Accuracy", x: Axis("epoch"), y: .percentage("top-1"), series: [.init("val", values: [share, share])])
      let ticks = try #require(Elements(plot.picture.svg)).places("y").keys
      #expect(ticks.count >= 3 && !ticks.contains { $0.hasPrefix(beyond) })
      #expect(plot.alternativeText.hasPrefix("top-1 (%) over epoch."))
    }
  }

  @Test func countsHaveNoTicksBetween() {
    let scale = AxisScale([0, 3], tickCount: 10, isWhole: true, from: 0, to: 1)
    #expect(scale.ticks == [0, 1, 2, 3])
  }

  @Test(arguments: [
    [], [5], [0, 0], [-3, -3, -3], [.nan, .infinity], [1e300, -1e300], [1e-12, 2e-12], [0.1, 0.1 + 1e-16],
    [-.greatestFiniteMagnitude, .greatestFiniteMagnitude], [.leastNonzeroMagnitude, 0], [1e15, 1e15 + 1],
  ])
  func anyValuesGiveFewTicksAtFinitePlaces(_ values: [Double]) {
    for widened in [true, false] {
      let scale = AxisScale(values, widened: widened, from: 10, to: 20)
      #expect(scale.ticks.count <= 16)
      for value in values.filter(\.isFinite) + scale.ticks {
        #expect(scale.place(value) >= 10 - 1e-6 && scale.place(value) <= 20 + 1e-6)
      }
    }
  }

  @Test func equalRatiosAreEqualDistancesOnALogarithmicAxis() {
    let scale = AxisScale([3, 40_000], isLogarithmic: true, from: 0, to: 100)
    #expect(scale.ticks.map(scale.text) == ["1", "10", "100", "1000", "10000", "100000"])
    #expect(scale.place(1) == 0 && scale.place(100_000) == 100)
    #expect(abs(scale.place(100) - 40) < 1e-9 && abs(scale.place(1000) - scale.place(100) - 20) < 1e-9)
    // Few powers have ticks between them.
    let short = AxisScale([12, 90], isLogarithmic: true, from: 0, to: 1)
    #expect(short.ticks.map(short.text) == ["10", "20", "50", "100"])
  }

  @Test func aLogarithmicAxisOfCountsHasNoTicksBelowOne() {
    let scale = AxisScale([0.5, 700], isWhole: true, isLogarithmic: true, from: 0, to: 1)
    #expect(scale.ticks.map(scale.text) == ["1", "10", "100", "1000"])
    #expect(scale.low == 0.5)
  }

  @Test(arguments: [
    [], [5], [1e-300, 1e300], [.nan, .infinity, -3, 0], [.leastNonzeroMagnitude], [1, 1 + 1e-12],
  ])
  func anyValuesGiveFewLogarithmicTicks(_ values: [Double]) {
    for widened in [true, false] {
      let scale = AxisScale(values, widened: widened, isLogarithmic: true, from: 10, to: 20)
      #expect(scale.ticks.count <= 16)
      for value in values.filter({ $0.isFinite && $0 > 0 }) + scale.ticks {
        #expect(scale.place(value) >= 10 - 1e-6 && scale.place(value) <= 20 + 1e-6)
      }
    }
  }
}
