using AIaaS.Learning.Training;

namespace AIaaS.Learning.Tests.Training;

public sealed class CheckpointStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly CheckpointStore _store;

    public CheckpointStoreTests() => _store = new CheckpointStore(_folder["checkpoints"], "training", "abc");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Where_nothing_was_saved_there_is_nothing() => Assert.Null(_store.Load());

    [Fact]
    public void What_was_saved_is_loaded_to_the_last_bit()
    {
        float[] weights = [1f / 3, float.MaxValue, float.Epsilon, -0f];

        _store.Save(new Checkpoint(7, new Dictionary<string, float[]> { ["weights"] = weights }, new Dictionary<string, double> { ["best"] = 0.1 + 0.2, ["never"] = double.PositiveInfinity }));
        var loaded = _store.Load()!;

        Assert.Equal(7, loaded.Step);
        Assert.Equal(weights.Select(BitConverter.SingleToInt32Bits), loaded.States["weights"].Select(BitConverter.SingleToInt32Bits));
        Assert.Equal((0.1 + 0.2, double.PositiveInfinity), (loaded.Numbers["best"], loaded.Numbers["never"]));
    }

    [Fact]
    public void The_latest_and_the_one_before_are_kept()
    {
        foreach (var step in (int[])[8, 9, 10, 100])
            _store.Save(Of(step));

        Assert.Equal(["training-abc-0000000010.checkpoint", "training-abc-0000000100.checkpoint"], Directory.GetFiles(_folder["checkpoints"]).Select(Path.GetFileName).Order());
        Assert.Equal(100, _store.Load()!.Step);
    }

    [Theory]
    [InlineData("empty")]
    [InlineData("half")]
    [InlineData("flipped")]
    [InlineData("text")]
    public void One_that_is_damaged_gives_way_to_the_one_before(string damage)
    {
        _store.Save(Of(1));
        _store.Save(Of(2));
        Damage(2, damage);

        Assert.Equal(1, _store.Load()!.Step);
    }

    [Fact]
    public void Where_all_are_damaged_a_training_begins_anew()
    {
        _store.Save(Of(1));
        _store.Save(Of(2));
        Damage(1, "flipped");
        Damage(2, "half");

        Assert.Null(_store.Load());
    }

    [Fact]
    public void One_that_was_being_written_is_passed_over()
    {
        _store.Save(Of(1));
        File.WriteAllText(Path.Combine(_folder["checkpoints"], "training-abc-0000000002.checkpoint.tmp"), "half");

        Assert.Equal(1, _store.Load()!.Step);
    }

    [Theory]
    [InlineData("training", "def")]
    [InlineData("other", "abc")]
    public void Those_of_another_training_are_passed_over(string name, string fingerprint)
    {
        _store.Save(Of(1));

        Assert.Null(new CheckpointStore(_folder["checkpoints"], name, fingerprint).Load());
    }

    private static Checkpoint Of(long step) => new(step, new Dictionary<string, float[]> { ["weights"] = [step, 2] }, new Dictionary<string, double>());

    private void Damage(int step, string damage)
    {
        var path = Path.Combine(_folder["checkpoints"], $"training-abc-{step:D10}.checkpoint");
        var bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, damage switch
        {
            "empty" => [],
            "half" => bytes[..(bytes.Length / 2)],
            "text" => "this is no checkpoint, but longer than a hash is"u8.ToArray(),
            _ => [.. bytes.Select((b, at) => at == bytes.Length / 3 ? (byte)~b : b)],
        });
    }
}
