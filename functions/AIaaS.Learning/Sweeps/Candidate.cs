using AIaaS.Formats;

namespace AIaaS.Learning.Sweeps;

/// <summary>A configuration and all its trials, from the cheapest to the one at full budget.</summary>
/// <param name="trainer">Its trainer.</param>
/// <param name="configuration">Its hyperparameters.</param>
/// <param name="higherIsBetter">The sense of the objective.</param>
internal sealed class Candidate(string trainer, Configuration configuration, bool higherIsBetter)
{
    /// <summary>Budgets come back from files, and shares of curves are quotients.</summary>
    private const double Tolerance = 1e-9;

    private readonly List<TrialResult> _results = [];

    public string Trainer { get; } = trainer;

    public Configuration Configuration { get; } = configuration;

    /// <summary>The most effort that was or is being spent on one of its trials.</summary>
    public double Budget { get; private set; }

    public bool IsRunning { get; private set; }

    /// <summary>Whether it cannot be trained; the reason is that of its last trial.</summary>
    public bool HasFailed => _results.Count > 0 && _results[^1] is var last && !IsSettled(last) && last.Status is not TrialStatus.Pruned;

    /// <summary>Its trial at full budget, where that succeeded.</summary>
    public TrialResult? Full => _results.Find(r => IsSettled(r) && r.Spec.Budget >= 1 - Tolerance);

    /// <summary>Its trial with the largest budget; null while there is none that ended.</summary>
    public TrialResult? Last => _results.Count > 0 ? _results[^1] : null;

    /// <summary>The share of the full effort after which it was last judged.</summary>
    public double Reached => _results.Count == 0 ? 0 : _results.Max(r => IsSettled(r) ? r.Spec.Budget : r.Curve.Count > 0 ? r.Curve.Max(p => p.Share) : 0);

    /// <summary>The objective where it was last judged, lower being better; infinite where it never was.</summary>
    public double Loss => LossAt(Reached) ?? double.PositiveInfinity;

    public void Add(TrialResult result)
    {
        _results.Add(result);
        _results.Sort((a, b) => (a.Spec.Budget, a.Spec.Trial).CompareTo((b.Spec.Budget, b.Spec.Trial)));
        Budget = Math.Max(Budget, result.Spec.Budget);
    }

    public void Run(TrialSpec spec)
    {
        Budget = Math.Max(Budget, spec.Budget);
        IsRunning = true;
    }

    /// <summary>
    /// The objective after a share of the effort, lower being better: from a trial with that budget, or from the curve of a longer
    /// one, or where that kept none its end. Null where it has not come so far.
    /// </summary>
    public double? LossAt(double budget)
    {
        if (_results.Find(r => IsSettled(r) && Math.Abs(r.Spec.Budget - budget) < Tolerance) is { } exact)
            return Loss(exact.Objective!.Value);
        foreach (var result in _results.Where(r => r.Status is not TrialStatus.Failed && r.Spec.Budget > budget - Tolerance))
        {
            if (result.Curve.Any(p => p.Share >= budget - Tolerance) && result.Curve.LastOrDefault(p => p.Share <= budget + Tolerance) is { } point && double.IsFinite(point.Value))
                return Loss(point.Value);
            if (IsSettled(result))
                return Loss(result.Objective!.Value);
        }

        return null;

        double Loss(double objective) => higherIsBetter ? -objective : objective;
    }

    public bool IsAt(double budget) => Math.Abs(Budget - budget) < Tolerance;

    private static bool IsSettled(TrialResult result) => result.Status is TrialStatus.Succeeded && result.Objective is { } objective && double.IsFinite(objective);
}
