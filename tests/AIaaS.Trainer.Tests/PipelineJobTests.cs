using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Trainer.Tests;

/// <summary>Preparation and training as jobs of the genuine program.</summary>
public sealed class PipelineJobTests : IDisposable
{
    private readonly TrainerJob _preparation = new();
    private readonly TrainerJob _training = new();

    public void Dispose()
    {
        _preparation.Dispose();
        _training.Dispose();
    }

    [Fact]
    public async Task A_table_is_prepared_and_a_model_trained_from_it()
    {
        Assert.Equal(JobExitCode.Succeeded, await PrepareAsync(Table(200)));
        Assert.Equal(
            ["contract.json", "data.parquet", "profile.json", "quality.html", "quality.json", "quarantine.jsonl", "schema.json", "splits.json", "splits.parquet"],
            _preparation.Result!.Artifacts.Select(artifact => artifact.Path));

        Assert.Equal(JobExitCode.Succeeded, await TrainAsync("kind"));

        Assert.Equal(
            ["background.json", "card.json", "leaderboard.json", "metrics.json", "model.onnx", "report.html", "signature.json"],
            _training.Result!.Artifacts.Select(artifact => artifact.Path).Where(path => !path.StartsWith("trials/", StringComparison.Ordinal)));
        var metrics = JsonSerializer.Deserialize<ModelMetrics>(await File.ReadAllTextAsync(_training["outputs/metrics.json"]), JsonDefaults.Options)!;
        Assert.True(metrics.Holdout["accuracy"] > 0.95, $"accuracy {metrics.Holdout["accuracy"]}");
        Assert.Contains("\"percent\":100", await File.ReadAllTextAsync(LastProgress(_training)), StringComparison.Ordinal);
        Assert.Contains("\"percent\":100", await File.ReadAllTextAsync(LastProgress(_preparation)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_is_judged_by_the_rows_that_the_data_set_holds_out()
    {
        await PrepareAsync(Table(rows: 60));
        await TrainAsync("kind");

        var splits = JsonSerializer.Deserialize<DataSplits>(File.ReadAllText(_preparation["outputs/splits.json"]), JsonDefaults.Options)!;
        var metrics = JsonSerializer.Deserialize<ModelMetrics>(File.ReadAllText(_training["outputs/metrics.json"]), JsonDefaults.Options)!;
        Assert.Equal((splits.FoldRows.Sum(), splits.HoldoutRows), (metrics.TrainingRows, metrics.HoldoutRows));
    }

    [Fact]
    public async Task A_split_of_other_data_is_refused()
    {
        await PrepareAsync(Table(rows: 60));
        var splits = File.ReadAllBytes(_preparation["outputs/splits.parquet"]);
        await PrepareAsync(Table(rows: 40));
        File.WriteAllBytes(_preparation["outputs/splits.parquet"], splits);

        Assert.Equal(JobExitCode.Failed, await TrainAsync("kind"));

        Assert.Contains("The stored split has 60 rows, the data 40.", _training.Result!.Error!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_target_fails_with_what_there_is()
    {
        await PrepareAsync(Table(50));

        Assert.Equal(JobExitCode.Failed, await TrainAsync("absent"));

        Assert.Contains("'absent'", _training.Result!.Error!.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one-class", "kind", "{}", "The target has one class", "'kind' is 'left' in every row")]
    [InlineData("two-kinds", "noise", "{}", "The target has too many classes", "different values in 40 rows")]
    [InlineData("two-kinds", "kind", """{ "spaces": { "linear": { "l2": { "choices": [] } } } }""", "The sweep cannot be planned", "'sweep.spaces.linear.l2' must give at least one choice")]
    [InlineData("two-kinds", "kind", """{ "maxTrials": 0 }""", "The sweep cannot be planned", "'sweep.maxTrials' must be from 1")]
    public async Task What_nothing_can_be_learned_from_fails_with_its_reason(string table, string target, string sweep, string title, string reason)
    {
        await PrepareAsync(table == "one-class" ? Table(40).Replace("right", "left", StringComparison.Ordinal) : Table(40));

        Assert.Equal(JobExitCode.Failed, await TrainAsync(target, sweep));

        Assert.Equal(title, _training.Result!.Error!.Title);
        Assert.Contains(reason, _training.Result.Error.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trial_that_fails_leaves_its_reason_and_the_others_make_the_model()
    {
        await PrepareAsync(Table(60));

        Assert.Equal(JobExitCode.Succeeded, await TrainAsync("kind", """{ "maxTrials": 2, "spaces": { "gradient-boosting": { "monotone": { "choices": [{ "colour": 1 }] } } } }""", "gradient-boosting", "linear"));

        var failed = JsonSerializer.Deserialize<TrialResult>(await File.ReadAllTextAsync(_training["outputs/trials/0001.json"]), JsonDefaults.Options)!;
        Assert.Equal(new ErrorDetail("A constraint cannot be kept", "'monotone' names 'colour', which is no numeric feature."), failed.Error);
        Assert.Contains("\"trainer\": \"linear\"", await File.ReadAllTextAsync(_training["outputs/card.json"]), StringComparison.Ordinal);
        Assert.Contains(Directory.GetFiles(_training["outputs/progress"]), file => File.ReadAllText(file).Contains("A constraint cannot be kept", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_empty_file_fails_its_preparation()
    {
        Assert.Equal(JobExitCode.Failed, await PrepareAsync(""));

        Assert.Equal("The data cannot be used", _preparation.Result!.Error!.Title);
        Assert.Empty(_preparation.Result.Artifacts);
    }

    [Fact]
    public async Task Training_without_its_data_names_the_input()
    {
        _training.Described(Job(JobKind.Train, [], new TrainParameters { Model = "m", Target = "kind", Task = LearningTask.Classification }));

        Assert.Equal(JobExitCode.Failed, await _training.RunAsync());

        Assert.Contains("needs the input 'data'", _training.Result!.Error!.Detail, StringComparison.Ordinal);
    }

    private Task<int> PrepareAsync(string table)
    {
        Directory.CreateDirectory(_preparation["inputs"]);
        File.WriteAllText(_preparation["inputs/table.csv"], table);
        _preparation.Described(Job(JobKind.Prepare, new() { ["table"] = "inputs/table.csv" }, new PrepareParameters()));
        return _preparation.RunAsync();
    }

    private Task<int> TrainAsync(string target, string sweep = "{}", params string[] trainers)
    {
        Directory.CreateDirectory(_training["inputs"]);
        var inputs = new Dictionary<string, string> { ["data"] = "inputs/data.parquet", ["schema"] = "inputs/schema.json", ["profile"] = "inputs/profile.json", ["splits"] = "inputs/splits.parquet" };
        foreach (var path in inputs.Values)
            File.Copy(_preparation[path.Replace("inputs", "outputs", StringComparison.Ordinal)], _training[path]);
        _training.Described(Job(JobKind.Train, inputs, new TrainParameters
        {
            Model = "m",
            Target = target,
            Task = LearningTask.Classification,
            Trainers = trainers.Length > 0 ? trainers : ["linear"],
            Sweep = JsonSerializer.Deserialize<SweepPlan>(sweep, JsonDefaults.Options)!,
        }));
        return _training.RunAsync();
    }

    private static JobDescription Job<T>(JobKind kind, Dictionary<string, string> inputs, T parameters) => new()
    {
        Kind = kind,
        Id = "job",
        Tenant = "default",
        Run = "run",
        Inputs = inputs,
        Limits = new JobLimits(Cpu: 1, MemoryMb: 2048),
        Parameters = JsonSerializer.SerializeToElement(parameters, JsonDefaults.Options),
    };

    private static string LastProgress(TrainerJob job) => Directory.GetFiles(job["outputs/progress"]).Order(StringComparer.Ordinal).Last();

    /// <summary>Two kinds that one measure tells apart.</summary>
    private static string Table(int rows)
    {
        var random = new Random(1);
        var lines = Enumerable.Range(0, rows).Select(row => string.Create(
            CultureInfo.InvariantCulture,
            $"{(row % 2 == 0 ? 3 : -3) + random.NextDouble():F3},{random.NextDouble():F3},{(row % 2 == 0 ? "left" : "right")}"));
        return "length,noise,kind\n" + string.Join('\n', lines) + "\n";
    }
}
