using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Sweeps;
using Space = System.Collections.Generic.IReadOnlyDictionary<string, AIaaS.Formats.HyperparameterRange>;

namespace AIaaS.Learning.Tests.Sweeps;

public sealed class SweepPlannerTests
{
    private const long FewRows = 300;
    private const long ManyRows = 100_000;

    private static readonly Space Penalty = new Dictionary<string, HyperparameterRange> { ["l2"] = HyperparameterRange.LogUniform(1e-3, 1e3, 1) };
    private static readonly Space Nothing = new Dictionary<string, HyperparameterRange>();

    [Fact]
    public void Each_trainer_begins_with_its_defaults()
    {
        var planner = Planner(new() { Sampler = SweepSampler.Random }, FewRows, ("a", Penalty), ("b", Penalty));

        var first = planner.Next([], [], 2);

        Assert.Equal([(1, "a"), (2, "b")], first.Select(s => (s.Trial, s.Trainer)));
        Assert.All(first, s => Assert.Equal(1, s.Hyperparameters["l2"].GetDouble()));
        Assert.All(first, s => Assert.Equal(1, s.Budget));
    }

    [Fact]
    public void A_sweep_ends_after_its_trials()
    {
        var planner = Planner(new() { Sampler = SweepSampler.Random, MaxTrials = 7 }, FewRows, ("a", Penalty), ("b", Penalty));

        var results = Run(planner, spec => spec.Hyperparameters["l2"].GetDouble());

        Assert.Equal(7, planner.MaxTrials);
        Assert.Equal(Enumerable.Range(1, 7), results.Select(r => r.Spec.Trial));
        Assert.Equal(results.Count, results.Select(r => (r.Spec.Trainer, r.Spec.Hyperparameters["l2"].GetDouble())).Distinct().Count());
    }

    [Fact]
    public void A_trainer_without_hyperparameters_is_tried_once()
    {
        var planner = Planner(new() { Sampler = SweepSampler.Random }, FewRows, ("a", Nothing));

        Assert.Single(Run(planner, _ => 1));
        Assert.Equal(1, planner.MaxTrials);
    }

    [Fact]
    public void A_host_that_crashed_plans_the_same_again()
    {
        var plan = new SweepPlan();
        var results = Run(Planner(plan, FewRows, ("a", Penalty)), spec => Math.Abs(Math.Log(spec.Hyperparameters["l2"].GetDouble())), most: 8);

        var again = Planner(plan, FewRows, ("a", Penalty)).Next([.. results.Reverse()], [], 3);

        Assert.Equal(Text(Planner(plan, FewRows, ("a", Penalty)).Next(results, [], 3)), Text(again));
    }

    private static SweepPlanner Planner(SweepPlan plan, long rows, params (string, Space)[] spaces) => new(plan, spaces, higherIsBetter: false, rows, seed: 42);

    private static string Text(IReadOnlyList<TrialSpec> specs) => JsonSerializer.Serialize(specs, JsonDefaults.Options);

    /// <summary>One trial after the other until the planner has no more.</summary>
    private static IReadOnlyList<TrialResult> Run(SweepPlanner planner, Func<TrialSpec, double?> objective, int most = int.MaxValue)
    {
        var results = new List<TrialResult>();
        while (results.Count < most && planner.Next(results, [], 1) is [var spec])
            results.Add(Result(spec, objective(spec)));
        return results;
    }

    private static TrialResult Result(TrialSpec spec, double? objective) =>
        new() { Spec = spec, Status = objective is null ? TrialStatus.Failed : TrialStatus.Succeeded, Objective = objective };
}
