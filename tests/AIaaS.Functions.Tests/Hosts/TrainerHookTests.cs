using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Functions.Hosts.Azure.MachineLearning;

namespace AIaaS.Functions.Tests.Hosts;

/// <summary>The deployment hooks for the trainer, the command line of Azure being a script of ours that keeps files in a folder.</summary>
public sealed class TrainerHookTests : IDisposable
{
    private const string Az = """
        #!/bin/sh
        op=$3
        while [ $# -gt 0 ]; do
          case $1 in --name) name=$2 ;; --file) file=$2 ;; esac
          shift
        done
        echo "$op $name" >> "$AZ_FOLDER/log"
        if [ -e "$AZ_FOLDER/denied" ]; then
          rm "$AZ_FOLDER/denied"
          exit 1
        fi
        if [ "$op" = exists ]; then
          if [ -e "$AZ_FOLDER/$name" ]; then echo true; else echo false; fi
        else
          mkdir -p "$AZ_FOLDER/$(dirname "$name")"
          cp "$file" "$AZ_FOLDER/$name"
        fi
        """;

    private readonly TemporaryFolder _folder = new();

    public TrainerHookTests()
    {
        File.Copy(Hook("upload-trainer.sh"), Made("repository/infra/hooks/upload-trainer.sh"));
        File.WriteAllText(Made("tools/az"), Az);
        Directory.CreateDirectory(At("az"));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(At("tools/az"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_same_trainer_has_the_same_build_and_another_one_another()
    {
        Publish("one");
        var first = await PackAsync();
        var again = await PackAsync();
        Publish("two");
        var other = await PackAsync();

        Assert.Equal(first.Id, again.Id);
        Assert.Equal(first.Archives["cpu"], again.Archives["cpu"]);
        Assert.NotEqual(first.Id, other.Id);
        await using var packed = new GZipStream(File.OpenRead(At("repository/artifacts/trainer/cpu.tar.gz")), CompressionMode.Decompress);
        await using var tar = new TarReader(packed);
        var entries = new Dictionary<string, UnixFileMode>();
        while (await tar.GetNextEntryAsync() is { } entry)
        {
            entries.Add(entry.Name, entry.Mode);
        }

        Assert.Equal(["AIaaS.Trainer", "native/lib.so"], entries.Keys.Order(StringComparer.Ordinal));
        Assert.True(entries["AIaaS.Trainer"].HasFlag(UnixFileMode.OtherExecute));
        Assert.False(entries["native/lib.so"].HasFlag(UnixFileMode.OtherExecute));
    }

    [Fact]
    public async Task A_trainer_is_uploaded_its_marker_last()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        WriteBuild();

        Assert.Equal(0, await UploadAsync());

        Assert.Equal(["exists 0123abcd/build.json", "upload 0123abcd/cpu.tar.gz", "upload 0123abcd/cuda.tar.gz", "upload 0123abcd/build.json"], Calls());
        Assert.Equal("for cpu", await File.ReadAllTextAsync(At("az/0123abcd/cpu.tar.gz")));
    }

    [Fact]
    public async Task A_trainer_that_is_there_is_not_uploaded_again()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        WriteBuild();
        await UploadAsync();
        File.Delete(At("az/log"));

        Assert.Equal(0, await UploadAsync());

        Assert.Equal(["exists 0123abcd/build.json"], Calls());
    }

    [Fact]
    public async Task A_role_that_is_not_in_effect_yet_is_waited_for()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        WriteBuild();
        await File.WriteAllTextAsync(At("az/denied"), "");

        Assert.Equal(0, await UploadAsync());

        Assert.Equal(["exists 0123abcd/build.json", "exists 0123abcd/build.json"], Calls().Take(2));
        Assert.True(File.Exists(At("az/0123abcd/build.json")));
    }

    [Fact]
    public async Task Without_a_build_there_is_nothing_to_upload()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        Assert.NotEqual(0, await UploadAsync());

        Assert.False(File.Exists(At("az/log")));
    }

    private void WriteBuild()
    {
        var build = new TrainerBuild
        {
            Id = "0123abcd",
            Archives = new Dictionary<string, TrainerArchive> { ["cpu"] = new("cpu.tar.gz", "00", 7), ["cuda"] = new("cuda.tar.gz", "00", 8) },
        };
        File.WriteAllText(Made("repository/artifacts/trainer/build.json"), JsonSerializer.Serialize(build, JsonDefaults.Indented) + "\n");
        File.WriteAllText(Made("repository/artifacts/trainer/cpu.tar.gz"), "for cpu");
        File.WriteAllText(Made("repository/artifacts/trainer/cuda.tar.gz"), "for cuda");
    }

    private void Publish(string content)
    {
        File.WriteAllText(Made("published/AIaaS.Trainer"), content);
        File.WriteAllText(Made("published/native/lib.so"), "library");
    }

    /// <returns>The build as the function app reads it from its package.</returns>
    private async Task<TrainerBuild> PackAsync()
    {
        Assert.Equal(0, await RunAsync("dotnet", ["run", Hook("pack-trainer.cs"), "--", At("repository/artifacts/trainer"), $"cpu={At("published")}"]));
        File.Copy(At("repository/artifacts/trainer/build.json"), Made($"package/{TrainerBuild.FileName}"), overwrite: true);
        return TrainerBuild.Read(At("package"));
    }

    private Task<int> UploadAsync() => RunAsync("sh", [At("repository/infra/hooks/upload-trainer.sh")]);

    private string[] Calls() => File.ReadAllLines(At("az/log"));

    private async Task<int> RunAsync(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["PATH"] = At("tools") + Path.PathSeparator + start.Environment["PATH"];
        start.Environment["AZ_FOLDER"] = At("az");
        start.Environment["AZURE_STORAGE_ACCOUNT_NAME"] = "account";
        start.Environment["AIAAS_RETRY_SECONDS"] = "0";
        using var process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var errors = process.StandardError.ReadToEndAsync(patience.Token);
        await process.StandardOutput.ReadToEndAsync(patience.Token);
        await errors;
        await process.WaitForExitAsync(patience.Token);
        return process.ExitCode;
    }

    private string At(string path) => Path.Combine(_folder.Path, path);

    private string Made(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        return At(path);
    }

    private static string Hook(string name) => Path.Combine(AppContext.BaseDirectory, "hooks", name);
}
