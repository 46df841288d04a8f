using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using AIaaS.Tests;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Serving.Tests;

public sealed class ModelDiskCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FileModelSource _source = new();
    private readonly ManualTime _time = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_second_start_needs_neither_the_store_nor_optimization()
    {
        var reference = _source.Add(TestModels.StringLabel);
        Assert.Equal(ModelOrigin.Store, await StartAsync(reference));

        Assert.Equal(ModelOrigin.Optimized, await StartAsync(reference));

        Assert.Equal(1, _source.FilesOpened);
    }

    [Theory]
    [InlineData("string-label")]
    [InlineData("integer-label")]
    [InlineData("boolean-label")]
    [InlineData("echo")]
    [InlineData("ten-numbers")]
    public async Task An_optimized_graph_predicts_as_the_models_file_does(string file)
    {
        var model = new[] { TestModels.StringLabel, TestModels.IntegerLabel, TestModels.BooleanLabel, TestModels.Echo, TestModels.TenNumbers }.Single(m => m.File == file);
        var reference = _source.Add(model);

        var first = await PredictExampleAsync(reference, ModelOrigin.Store);
        var second = await PredictExampleAsync(reference, ModelOrigin.Optimized);

        Assert.Equal(first, second);
    }

    [Fact]
    public async Task A_damaged_optimized_graph_is_ignored_and_made_anew()
    {
        var reference = _source.Add(TestModels.Regression);
        await StartAsync(reference);
        Damage("*.ort");

        Assert.Equal(ModelOrigin.Disk, await StartAsync(reference));

        Assert.Equal(ModelOrigin.Optimized, await StartAsync(reference));
        Assert.Equal(1, _source.FilesOpened);
    }

    [Fact]
    public async Task An_optimized_graph_that_is_none_is_ignored_even_where_its_hash_is_right()
    {
        var reference = _source.Add(TestModels.Regression);
        await StartAsync(reference);
        var graph = Assert.Single(Files("*.ort"));
        byte[] nonsense = [1, 2, 3];
        var name = Path.GetFileNameWithoutExtension(graph);
        File.WriteAllBytes(Path.Combine(_folder.Path, name[..(name.LastIndexOf('-') + 1)] + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(nonsense)) + ".ort"), nonsense);
        File.Delete(graph);

        Assert.Equal(ModelOrigin.Disk, await StartAsync(reference));
    }

    [Fact]
    public async Task A_damaged_file_is_fetched_again()
    {
        var reference = _source.Add(TestModels.Regression);
        await StartAsync(reference);
        Damage("*.onnx");
        File.Delete(Assert.Single(Files("*.ort")));

        Assert.Equal(ModelOrigin.Store, await StartAsync(reference));

        Assert.Equal(2, _source.FilesOpened);
    }

    [Fact]
    public async Task What_was_used_least_recently_makes_room()
    {
        var references = new[] { TestModels.Regression, TestModels.TenNumbers, TestModels.StringLabel }.Select(m => _source.Add(m, $"default/{m.File}")).ToArray();
        await StartAsync(references[0]);
        _time.Advance(TimeSpan.FromMinutes(1));
        await StartAsync(references[1]);
        var room = Files("*").Sum(f => new FileInfo(f).Length);
        _time.Advance(TimeSpan.FromMinutes(1));
        await StartAsync(references[0]);
        _time.Advance(TimeSpan.FromMinutes(1));

        await StartAsync(references[2], room);

        Assert.True(Files("*").Sum(f => new FileInfo(f).Length) <= room);
        Assert.Equal(ModelOrigin.Optimized, await StartAsync(references[2], room));
        Assert.Equal(ModelOrigin.Store, await StartAsync(references[1], room));
    }

    [Fact]
    public async Task Leftovers_of_processes_that_were_killed_are_removed()
    {
        var leftover = _folder.Write("0123.tmp", "half a model");
        File.SetLastWriteTimeUtc(leftover, _time.GetUtcNow().UtcDateTime.AddHours(-2));

        await StartAsync(_source.Add(TestModels.Regression));

        Assert.Equal([".onnx", ".ort"], Files("*").Select(Path.GetExtension).Order());
    }

    [Fact]
    public async Task Processes_share_the_folder()
    {
        var references = Enumerable.Range(1, 4).Select(v => _source.Add(TestModels.StringLabel, version: v)).ToArray();

        await Parallel.ForAsync(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 6 }, async (i, _) => await StartAsync(references[i % 4]));

        Assert.Equal(2, Files("*").Length);
    }

    [Fact]
    public async Task A_disk_that_refuses_fails_no_load()
    {
        var file = _folder.Write("file", "in the way");

        Assert.Equal(ModelOrigin.Store, await StartAsync(_source.Add(TestModels.Regression), folder: Path.Combine(file, "below")));
    }

    private async Task<ModelOrigin> StartAsync(ModelReference reference, long maxBytes = 1 << 30, string? folder = null)
    {
        await using var server = Server(maxBytes, folder);
        using var lease = await server.AcquireAsync(reference, CancellationToken.None);
        return lease.Model.Origin;
    }

    private async Task<string> PredictExampleAsync(ModelReference reference, ModelOrigin origin)
    {
        await using var server = Server();
        using var lease = await server.AcquireAsync(reference, CancellationToken.None);
        Assert.Equal(origin, lease.Model.Origin);
        var workspace = lease.Model.RentWorkspace();
        workspace.Rows.Clear();
        workspace.Rows.AddExample();
        workspace.Rows.AddProbe(second: true);
        workspace.Run(0, 2, CancellationToken.None);
        var response = new System.Buffers.ArrayBufferWriter<byte>();
        workspace.Write(response, new("r", "m", 1), workspace, first: 0);
        lease.Model.ReturnWorkspace(workspace);
        return System.Text.Encoding.UTF8.GetString(response.WrittenSpan);
    }

    private ModelServer Server(long maxBytes = 1 << 30, string? folder = null) => new(
        _source, new(), _time, new ModelDiskCache(new() { Folder = folder ?? _folder.Path, MaxBytes = maxBytes }, _time, NullLogger<ModelDiskCache>.Instance));

    private string[] Files(string pattern) => Directory.GetFiles(_folder.Path, pattern);

    private void Damage(string pattern)
    {
        var file = Assert.Single(Files(pattern));
        var bytes = File.ReadAllBytes(file);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(file, bytes);
    }
}
