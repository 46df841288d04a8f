using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Sweeps;

namespace AIaaS.Learning.Tests.Sweeps;

public sealed class SweepValidationTests
{
    [Theory]
    [InlineData("{}")]
    [InlineData("""{ "sampler": "grid", "maxTrials": 1, "timeout": "1h", "trialTimeout": "10m", "maxCpuHours": 0.5, "folds": 1, "objective": "auc" }""")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 0.1, "maximum": 10, "default": 3 } } } }""")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "choices": [0.1, 1, 10] } } } }""")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 0, "maximum": 10 } } } }""")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "maximum": 10 } } } }""")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "default": 10 } } } }""")]
    [InlineData("""{ "spaces": { "linear": { "penalty": { "choices": ["l2"] } } } }""")]
    [InlineData("""{ "spaces": { "linear": { "penalty": { "choices": ["l1", "elastic-net"] }, "l1": { "maximum": 10 } } } }""")]
    public void A_sound_plan_passes(string plan) => Assert.Null(Check(plan));

    [Theory]
    [InlineData("""{ "maxTrials": 0 }""", "sweep.maxTrials", "from 1")]
    [InlineData("""{ "maxConcurrent": 0 }""", "sweep.maxConcurrent", "at least 1")]
    [InlineData("""{ "timeout": "0s" }""", "sweep.timeout", "1h")]
    [InlineData("""{ "trialTimeout": "0s" }""", "sweep.trialTimeout", "10m")]
    [InlineData("""{ "maxCpuHours": 0 }""", "sweep.maxCpuHours", "above 0")]
    [InlineData("""{ "folds": 21 }""", "sweep.folds", "from 1 to 20")]
    [InlineData("""{ "objective": "rmse" }""", "sweep.objective", "log-loss, accuracy, f1-macro, auc")]
    [InlineData("""{ "spaces": { "trees": {} } }""", "sweep.spaces.trees", "linear")]
    [InlineData("""{ "spaces": { "linear": { "alpha": { "minimum": 0, "maximum": 1 } } } }""", "sweep.spaces.linear.alpha", "l2")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 2, "maximum": 1 } } } }""", "sweep.spaces.linear.l2", "minimum (2) above its maximum (1)")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 0, "maximum": 1, "scale": "log" } } } }""", "sweep.spaces.linear.l2", "above 0")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 1e4 } } } }""", "sweep.spaces.linear.l2", "minimum (10000) above its maximum (1000)")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "choices": [] } } } }""", "sweep.spaces.linear.l2", "at least one")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "choices": [1], "minimum": 1 } } } }""", "sweep.spaces.linear.l2", "either")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "choices": ["strong"] } } } }""", "sweep.spaces.linear.l2", "numbers")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 1, "maximum": 2, "default": 3 } } } }""", "sweep.spaces.linear.l2.default", "may be tried")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 0.5, "maximum": 2.5, "integer": true } } } }""", "sweep.spaces.linear.l2", "whole bounds")]
    [InlineData("""{ "spaces": { "linear": { "penalty": { "choices": ["l2"] }, "l1": { "maximum": 1 } } } }""", "sweep.spaces.linear.l1.when", "values that 'penalty' can have")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 1, "maximum": 2, "when": { "name": "solver", "values": [1] } } } } }""", "sweep.spaces.linear.l2.when", "another hyperparameter")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 1, "maximum": 2, "when": { "name": "l2", "values": [1] } } } } }""", "sweep.spaces.linear.l2.when", "itself")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 1, "maximum": 2, "when": { "name": "l2", "values": [7] } } } } }""", "sweep.spaces.linear.l2.when", "values that 'l2' can have")]
    [InlineData("""{ "spaces": { "linear": null } }""", "sweep.spaces.linear", "hyperparameters")]
    [InlineData("""{ "spaces": { "linear": { "l2": null } } }""", "sweep.spaces.linear.l2", "'choices'")]
    public void What_is_wrong_is_told_by_field(string plan, string field, string demand)
    {
        var error = Check(plan);

        Assert.Equal(field, error?.Field);
        Assert.Contains(demand, error!.Value.Demand, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tres")]
    [InlineData]
    public void Trainers_must_be_known(params string[] trainers) =>
        Assert.Equal("trainers", SweepValidation.Check(new(), trainers, null)?.Field);

    [Fact]
    public void A_trainer_must_do_the_task() =>
        Assert.Equal("trainers", SweepValidation.Check(new(), ["linear"], LearningTask.ImageClassification)?.Field);

    [Fact]
    public void A_task_that_is_not_known_yet_leaves_every_objective_open() =>
        Assert.Null(SweepValidation.Check(new() { Objective = "rmse" }, SweepValidation.Trainers, null));

    [Fact]
    public void What_a_plan_leaves_unsaid_of_a_range_stays_the_trainer_s()
    {
        var own = new Dictionary<string, HyperparameterRange>
        {
            ["kind"] = HyperparameterRange.OneOf("a", "b"),
            ["leaves"] = HyperparameterRange.Integers(2, 256, 31, RangeScale.Log) with { When = new("kind", [JsonSerializer.SerializeToElement("a")]) },
        };

        var merged = SweepValidation.Merge(own, new Dictionary<string, HyperparameterRange> { ["leaves"] = new() { Minimum = 16, Maximum = 64 } });

        Assert.Same(own["kind"], merged["kind"]);
        Assert.Equal((16.0, 64.0, true, RangeScale.Log, 31), (merged["leaves"].Minimum, merged["leaves"].Maximum, merged["leaves"].Integer, merged["leaves"].Scale, merged["leaves"].Default?.GetInt32()));
        Assert.Equal("kind", merged["leaves"].When?.Name);
    }

    [Fact]
    public void What_cannot_matter_any_more_is_not_searched()
    {
        var own = new Dictionary<string, HyperparameterRange>
        {
            ["kind"] = HyperparameterRange.OneOf("a", "b"),
            ["leaves"] = HyperparameterRange.Integers(2, 256, 31) with { When = new("kind", [JsonSerializer.SerializeToElement("a")]) },
        };

        var merged = SweepValidation.Merge(own, new Dictionary<string, HyperparameterRange> { ["kind"] = HyperparameterRange.OneOf("b") });

        Assert.Equal(["kind"], merged.Keys);
    }

    [Fact]
    public void A_default_outside_the_plan_s_range_gives_way()
    {
        var own = new Dictionary<string, HyperparameterRange> { ["l2"] = HyperparameterRange.LogUniform(1e-3, 1e3, 1) };

        var merged = SweepValidation.Merge(own, new Dictionary<string, HyperparameterRange> { ["l2"] = new() { Minimum = 10, Maximum = 1000 } });

        Assert.Equal(100, new SearchSpace(merged).Default.Values["l2"].GetDouble(), 1e-9);
    }

    [Fact]
    public void Conditions_must_not_go_in_circles()
    {
        var space = new Dictionary<string, HyperparameterRange>
        {
            ["a"] = HyperparameterRange.OneOf(1, 2) with { When = new("b", [JsonSerializer.SerializeToElement(1)]) },
            ["b"] = HyperparameterRange.OneOf(1, 2) with { When = new("a", [JsonSerializer.SerializeToElement(1)]) },
        };

        Assert.Equal("space.a.when", SweepValidation.CheckSpace("space", space)?.Field);
    }

    [Theory]
    [InlineData(LearningTask.Regression, null)]
    [InlineData(LearningTask.Classification, "sweep.spaces.linear-svm.epsilon")]
    public void A_hyperparameter_of_one_task_is_refused_for_another(LearningTask task, string? field)
    {
        var plan = JsonSerializer.Deserialize<SweepPlan>("""{ "spaces": { "linear-svm": { "epsilon": { "maximum": 0.2 } } } }""", JsonDefaults.Options)!;

        Assert.Equal(field, SweepValidation.Check(plan, ["linear-svm"], task)?.Field);
    }

    [Fact]
    public void Every_trainer_s_own_space_is_sound()
    {
        foreach (var trainer in Learning.Trainers.TrainerRegistry.Create(TimeProvider.System))
        {
            foreach (var task in Enum.GetValues<LearningTask>().Where(trainer.Supports))
            {
                foreach (var rows in (int[])[10, 1000, 10_000_000])
                    Assert.Null(SweepValidation.CheckSpace(trainer.Name, trainer.Space(task, rows)));
            }
        }
    }

    private static (string Field, string Demand)? Check(string plan) =>
        SweepValidation.Check(JsonSerializer.Deserialize<SweepPlan>(plan, JsonDefaults.Options)!, ["linear"], LearningTask.Classification);
}
