using AIaaS.Platform.Security;

namespace AIaaS.Platform.Tests.Security;

public sealed class AdminKeyFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string FilePath => _folder["admin.key"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_hash_is_that_of_the_key_in_the_file()
    {
        var hash = await AdminKeyFile.EnsureAsync(FilePath, default);

        Assert.Equal(ApiKeyText.Hash((await File.ReadAllTextAsync(FilePath)).Trim()), hash);
    }

    [Fact]
    public async Task The_next_start_takes_the_same_key()
        => Assert.Equal(await AdminKeyFile.EnsureAsync(FilePath, default), await AdminKeyFile.EnsureAsync(FilePath, default));

    [Fact]
    public async Task Of_many_first_starts_all_get_one_key_and_nothing_else_is_left()
    {
        var hashes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => AdminKeyFile.EnsureAsync(FilePath, default))));

        Assert.Single(hashes.Distinct());
        Assert.Equal([FilePath], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public async Task Only_the_owner_reads_the_file()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        await AdminKeyFile.EnsureAsync(FilePath, default);
        File.SetUnixFileMode(FilePath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        await AdminKeyFile.EnsureAsync(FilePath, default);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
    }

    [Fact]
    public async Task A_file_without_key_is_refused_with_what_to_do()
    {
        await File.WriteAllTextAsync(FilePath, "hello");

        var refusal = await Assert.ThrowsAsync<InvalidDataException>(() => AdminKeyFile.EnsureAsync(FilePath, default));

        Assert.Contains("Delete it", refusal.Message, StringComparison.Ordinal);
    }
}
