import Baselines
import Compute
import Foundation
import Testing

@Suite struct LBFGSTests {
  @Test(arguments: [2, 10, 101]) func rosenbrocksValleyIsFollowedToItsEnd(count: Int) throws {
    let x = SharedBuffer<Double>(count: count)
    for index in 0..<count { x.pointer[index] = index % 2 == 0 ? -1.2 : 1 }
    let outcome = try LBFGS().minimize(x) { x, gradient in
      gradient.fill(0)
      var value = 0.0
      for index in 0..<count - 1 {
        let (a, b) = (x[index], x[index + 1])
        value += 100 * (b - a * a) * (b - a * a) + (1 - a) * (1 - a)
        gradient[index] += -400 * a * (b - a * a) - 2 * (1 - a)
        gradient[index + 1] += 200 * (b - a * a)
      }
      return value
    }
    #expect(outcome.hasConverged)
    #expect(x.array.allSatisfy { abs($0 - 1) < 1e-4 }, "\(x.array)")
  }

  @Test func badlyScaledBowlsAreNoTrouble() throws {
    let scales = (0..<30).map { index in [0.1, 1, 10][index % 3] * Double(index + 1) }
    let x = SharedBuffer<Double>(scales.map { _ in 5 })
    let outcome = try LBFGS().minimize(x) { x, gradient in
      scales.indices.reduce(0.0) { value, index in
        gradient[index] = scales[index] * (x[index] - 2)
        return value + scales[index] * (x[index] - 2) * (x[index] - 2) / 2
      }
    }
    #expect(outcome.hasConverged && outcome.value < 1e-6)
  }

  @Test func aMinimumIsLeftAsItIs() throws {
    let x = SharedBuffer<Double>(count: 3)
    let outcome = try LBFGS().minimize(x) { x, gradient in
      for index in 0..<3 { gradient[index] = 2 * x[index] }
      return BLAS.dot(x, x)
    }
    #expect(outcome.iterations == 0 && outcome.evaluations == 1 && outcome.hasConverged)
  }

  @Test func stepsIntoWhatIsNoNumberAreTakenBack() throws {
    // -log(x) + x is none for x <= 0, where the first steps lead.
    let x = SharedBuffer<Double>([30.0])
    let outcome = try LBFGS().minimize(x) { x, gradient in
      gradient[0] = 30 * (1 - 1 / x[0])
      return x[0] > 0 ? 30 * (x[0] - log(x[0])) : .nan
    }
    #expect(outcome.hasConverged && abs(x[0] - 1) < 1e-4)
  }

  @Test func iterationsAreLimited() throws {
    var search = LBFGS()
    search.maximumIterations = 2
    let x = SharedBuffer<Double>([1.0, 2])
    let outcome = try search.minimize(x) { x, gradient in
      for index in 0..<2 { gradient[index] = 4 * BLAS.dot(x, x) * x[index] }
      return BLAS.dot(x, x) * BLAS.dot(x, x)
    }
    #expect(!outcome.hasConverged && outcome.iterations == 2)
  }
}
