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
        var results = Run(Planner(plan, FewRows, ("a", Penalty)), s => Distance(s), most: 8);

        var again = Planner(plan, FewRows, ("a", Penalty)).Next([.. results.Reverse()], [], 3);

        Assert.Equal(Text(Planner(plan, FewRows, ("a", Penalty)).Next(results, [], 3)), Text(again));
    }

    [Theory]
    [InlineData(300, 1, 12)]
    [InlineData(300, 8, 16)]
    [InlineData(5_000, 1, 20)]
    [InlineData(1_000_000, 1, 30)]
    public void Small_data_gets_a_small_sweep(long rows, int trainers, int trials) =>
        Assert.Equal(trials, Planner(new(), rows, [.. Enumerable.Range(0, trainers).Select(i => ($"t{i}", Penalty))]).MaxTrials);

    [Fact]
    public void A_hopeless_trainer_gets_its_share_and_no_more()
    {
        var planner = Planner(new() { MaxTrials = 40 }, FewRows, ("good", Penalty), ("hopeless", Penalty), ("fair", Penalty));

        var results = Run(planner, spec => Distance(spec) + (spec.Trainer switch { "good" => 0, "fair" => 0.1, _ => 100 }));

        Assert.Equal(40, results.Count);
        var tried = results.CountBy(r => r.Spec.Trainer).ToDictionary();
        Assert.InRange(tried["hopeless"], 5, 9);
        Assert.True(tried["good"] > 2 * tried["hopeless"]);
    }

    [Fact]
    public void A_trainer_that_only_fails_is_given_up_and_the_others_get_its_trials()
    {
        var planner = Planner(new() { MaxTrials = 20 }, FewRows, ("broken", Penalty), ("sound", Penalty));

        var results = Run(planner, spec => spec.Trainer == "broken" ? null : Distance(spec));

        Assert.Equal(2, results.Count(r => r.Spec.Trainer == "broken"));
        Assert.Equal(20, results.Count);
    }

    [Fact]
    public void A_sweep_in_which_everything_fails_ends_soon()
    {
        var planner = Planner(new() { MaxTrials = 20 }, ManyRows, ("a", Penalty), ("b", Penalty));

        var results = Run(planner, _ => null);

        Assert.Equal(4, results.Count);
        Assert.True(planner.IsComplete(results));
    }

    [Fact]
    public void A_space_is_tried_out_once()
    {
        var space = new Dictionary<string, HyperparameterRange>
        {
            ["depth"] = HyperparameterRange.Integers(1, 3, 2),
            ["kind"] = HyperparameterRange.OneOf("a", "b"),
        };
        var planner = Planner(new() { MaxTrials = 20 }, FewRows, ("a", space));

        var results = Run(planner, spec => spec.Hyperparameters["depth"].GetInt32());

        Assert.Equal(6, planner.MaxTrials);
        Assert.Equal(6, results.Select(r => Text([r.Spec with { Trial = 0 }])).Distinct().Count());
        Assert.Equal(6, results.Count);
    }

    [Fact]
    public void A_grid_covers_each_trainer()
    {
        var planner = Planner(new() { Sampler = SweepSampler.Grid, MaxTrials = 13 }, FewRows, ("a", Penalty), ("b", Nothing), ("c", Penalty));

        var results = Run(planner, _ => 0);

        Assert.Equal([("a", 5), ("b", 1), ("c", 5)], results.CountBy(r => r.Spec.Trainer).OrderBy(c => c.Key).Select(c => (c.Key, c.Value)));
        Assert.Equal(results.Count, planner.MaxTrials);
    }

    [Fact]
    public void Trials_at_the_same_time_differ_and_have_numbers_of_their_own()
    {
        var planner = Planner(new() { MaxTrials = 20 }, FewRows, ("a", Penalty));
        var results = Run(planner, s => Distance(s), most: 12);
        TrialSpec[] running = [.. planner.Next(results, [], 2)];

        var next = planner.Next(results, running, 100);

        Assert.Equal(Enumerable.Range(13, 8), running.Concat(next).Select(s => s.Trial));
        Assert.Equal(20, results.Select(r => r.Spec).Concat(running).Concat(next).Select(s => s.Hyperparameters["l2"].GetDouble()).Distinct().Count());
        Assert.Empty(planner.Next(results, [.. running, .. next], 1));
        Assert.False(planner.IsComplete(results));
    }

    [Fact]
    public void Other_seeds_try_other_values()
    {
        var results = Run(Planner(new(), FewRows, ("a", Penalty)), s => Distance(s), most: 2);

        Assert.NotEqual(
            Text(new SweepPlanner(new(), [("a", Penalty)], false, FewRows, seed: 1).Next(results, [], 2)),
            Text(new SweepPlanner(new(), [("a", Penalty)], false, FewRows, seed: 2).Next(results, [], 2)));
    }

    [Fact]
    public void A_metric_that_should_be_high_is_raised()
    {
        var planner = new SweepPlanner(new() { MaxTrials = 30 }, [("a", Penalty)], higherIsBetter: true, FewRows, seed: 42);

        var results = Run(planner, spec => 1 - Distance(spec));

        Assert.Equal(results.Max(r => r.Objective), planner.Rank(results)[0].Objective);
        Assert.True(planner.Rank(results)[0].Objective > 0.95);
    }

    [Fact]
    public void Processor_hours_are_seconds_times_threads()
    {
        var planner = new SweepPlanner(new() { MaxCpuHours = 1, MaxTrials = 20 }, [("a", Penalty)], false, FewRows, seed: 42, threads: 2);
        var results = new List<TrialResult>();
        while (planner.Next(results, [], 1) is [var spec])
            results.Add(Result(spec, 1) with { Seconds = 300 });

        Assert.Equal(6, results.Count);
        Assert.True(planner.IsComplete(results));
    }

    [Theory]
    [InlineData(300, 1)]
    [InlineData(29_999, 1)]
    [InlineData(30_000, 2)]
    [InlineData(90_000, 3)]
    [InlineData(1_000_000_000, 4)]
    public void Only_large_data_is_climbed_by_rungs(long rows, int rungs)
    {
        var budgets = SweepPlanner.Rungs(rows);

        Assert.Equal(rungs, budgets.Count);
        Assert.Equal(Enumerable.Range(0, rungs).Select(i => Math.Pow(3, i + 1 - rungs)), budgets, (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void Few_configurations_reach_the_full_budget_and_the_best_is_among_them()
    {
        var planner = Planner(new() { MaxTrials = 27, Sampler = SweepSampler.Random }, ManyRows, ("a", Penalty));

        var results = Run(planner, spec => Distance(spec) + (1 - spec.Budget));

        Assert.Equal(27, results.Count(r => r.Spec.Hyperparameters["l2"].GetDouble() == 1 ? r.Spec.Budget == 1 : r.Spec.Budget < 0.2));
        Assert.InRange(results.Sum(r => r.Spec.Budget), 9, 27 / 2.0);
        Assert.Equal(Enumerable.Range(1, results.Count), results.Select(r => r.Spec.Trial));
        var best = planner.Rank(results)[0];
        Assert.Equal(1, best.Spec.Budget);
        Assert.Equal(results.Min(r => Distance(r.Spec)), Distance(best.Spec));
    }

    [Fact]
    public void A_configuration_goes_on_as_soon_as_it_is_among_the_best_third()
    {
        var planner = Planner(new() { MaxTrials = 27 }, ManyRows, ("a", Penalty));
        TrialResult[] results =
        [
            Result(Spec(1, 1, budget: 1), 0.5) with { Curve = [new(1.0 / 9, 3), new(1.0 / 3, 1), new(1, 0.5)] },
            Result(Spec(2, 2, budget: 1.0 / 9), 1),
            Result(Spec(3, 3, budget: 1.0 / 9), 2),
        ];

        var next = planner.Next(results, [], 2);

        Assert.Equal((4, 2.0, 1.0 / 3), (next[0].Trial, next[0].Hyperparameters["l2"].GetDouble(), next[0].Budget));
        Assert.Equal(1.0 / 9, next[1].Budget);
    }

    [Fact]
    public void What_failed_does_not_go_on()
    {
        var planner = Planner(new() { MaxTrials = 27 }, ManyRows, ("a", Penalty));
        TrialResult[] results =
        [
            Result(Spec(1, 1, budget: 1), null),
            Result(Spec(2, 2, budget: 1.0 / 9), null),
            Result(Spec(3, 3, budget: 1.0 / 9), 5),
        ];

        Assert.Equal(3, planner.Next(results, [], 1)[0].Hyperparameters["l2"].GetDouble());
    }

    [Fact]
    public void A_sweep_too_short_for_a_third_still_ends_with_a_full_trial()
    {
        var planner = Planner(new() { MaxTrials = 3 }, ManyRows, ("a", Penalty));

        // The defaults cannot be trained.
        var results = Run(planner, spec => spec.Trial == 1 ? null : Distance(spec));

        Assert.Contains(results, r => r.Spec.Budget == 1 && r.Status is TrialStatus.Succeeded);
    }

    [Fact]
    public void Without_hyperband_every_trial_has_its_full_budget() =>
        Assert.All(
            Run(Planner(new() { EarlyTermination = EarlyTermination.Median }, ManyRows, ("a", Penalty)), s => Distance(s)),
            r => Assert.Equal(1, r.Spec.Budget));

    [Fact]
    public void Trials_of_one_configuration_are_ranked_as_one()
    {
        var planner = Planner(new(), ManyRows, ("a", Penalty));

        var ranked = planner.Rank(
        [
            Result(Spec(1, 1, budget: 1), 0.3),
            Result(Spec(2, 2, budget: 1.0 / 9), 0.1),
            Result(Spec(3, 3, budget: 1.0 / 9), 0.2),
            Result(Spec(4, 4, budget: 1.0 / 9), null),
            Result(Spec(5, 2, budget: 1.0 / 3), 0.1),
            Result(Spec(6, 2, budget: 1), 0.25),
            Result(Spec(7, 5, budget: 1), null) with { Status = TrialStatus.Pruned, Curve = [new(0.5, 0.7)] },
            Result(Spec(8, 6, budget: 1.0 / 9), 0.15),
        ]);

        Assert.Equal(
            [(6, TrialStatus.Succeeded), (1, TrialStatus.Succeeded), (7, TrialStatus.Pruned), (8, TrialStatus.Pruned), (3, TrialStatus.Pruned), (4, TrialStatus.Failed)],
            ranked.Select(r => (r.Spec.Trial, r.Status)));
    }

    [Fact]
    public void A_result_that_is_no_number_counts_as_failed()
    {
        var planner = Planner(new(), FewRows, ("a", Penalty));

        var ranked = planner.Rank([Result(Spec(1, 1, budget: 1), double.NaN), Result(Spec(2, 2, budget: 1), 5)]);

        Assert.Equal([(2, TrialStatus.Succeeded), (1, TrialStatus.Failed)], ranked.Select(r => (r.Spec.Trial, r.Status)));
    }

    [Fact]
    public void What_was_long_in_coming_is_no_better_for_that()
    {
        // The defaults alone were trained in full, and are bad: draws are to be near the best of the first rung.
        var space = new Dictionary<string, HyperparameterRange> { ["x"] = HyperparameterRange.Uniform(0, 1, 0.9) };
        var planner = Planner(new() { MaxTrials = 30 }, ManyRows, ("a", space));

        var results = Run(planner, spec => Math.Abs(spec.Hyperparameters["x"].GetDouble() - 0.2) + (1 - spec.Budget));

        Assert.True(Math.Abs(planner.Rank(results)[0].Spec.Hyperparameters["x"].GetDouble() - 0.2) < 0.05);
    }

    [Fact]
    public void Results_that_were_written_and_read_plan_the_same()
    {
        var planner = Planner(new() { MaxTrials = 15 }, ManyRows, ("a", Penalty), ("b", Penalty));
        var results = Run(planner, spec => Distance(spec) + (1 - spec.Budget), most: 14);
        var read = JsonSerializer.Deserialize<TrialResult[]>(JsonSerializer.Serialize(results, JsonDefaults.Options), JsonDefaults.Options)!;

        Assert.Equal(Text(planner.Next(results, [], 4)), Text(planner.Next(read, [], 4)));
    }

    [Fact]
    public void A_pipeline_s_ranges_are_tried_instead_of_the_trainer_s()
    {
        var plan = new SweepPlan
        {
            Spaces = new Dictionary<string, Space>
            {
                ["linear"] = new Dictionary<string, HyperparameterRange> { ["l2"] = new() { Minimum = 10, Maximum = 100 }, ["penalty"] = HyperparameterRange.OneOf("l2") },
            },
        };

        var results = Run(SweepPlanner.Create(plan, ["linear"], LearningTask.Classification, FewRows, seed: 1), s => Distance(s));

        Assert.Equal(12, results.Count);
        Assert.All(results, r => Assert.InRange(r.Spec.Hyperparameters["l2"].GetDouble(), 10, 100));
    }

    [Fact]
    public void A_plan_that_cannot_be_followed_is_refused_by_field()
    {
        var error = Assert.Throws<TrainingException>(() =>
            SweepPlanner.Create(new() { MaxTrials = 0 }, ["linear"], LearningTask.Classification, FewRows, seed: 1));

        Assert.Equal("The sweep cannot be planned", error.Title);
        Assert.StartsWith("'sweep.maxTrials' must be", error.Message, StringComparison.Ordinal);
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

    /// <summary>Powers of ten from 0.1.</summary>
    private static double Distance(TrialSpec spec) => Math.Abs(Math.Log10(spec.Hyperparameters["l2"].GetDouble()) + 1);

    private static TrialSpec Spec(int trial, double l2, double budget) => new()
    {
        Trial = trial,
        Trainer = "a",
        Hyperparameters = new Dictionary<string, JsonElement> { ["l2"] = JsonSerializer.SerializeToElement(l2) },
        Budget = budget,
    };

    private static TrialResult Result(TrialSpec spec, double? objective) =>
        new() { Spec = spec, Status = objective is null ? TrialStatus.Failed : TrialStatus.Succeeded, Objective = objective };
}
