#:property PublishAot=false

// dotnet run infra/hooks/pack-trainer.cs -- <folder of the build> <device>=<published folder> …
//
// Packs published trainers as <device>.tar.gz beside a build.json that names the build by a hash over what is in them.
// One program for both shells' hooks: it packs the same bytes on every system, with the permissions that a Linux node needs.

using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
const UnixFileMode Executable = Readable | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
const string Program = "AIaaS.Trainer";

if (args is not [var target, .. { Length: > 0 } published] || published.Any(argument => argument.Split('=') is not [{ Length: > 0 }, { Length: > 0 }]))
{
    Console.Error.WriteLine("Usage: pack-trainer <folder of the build> <device>=<published folder> ...");
    return 2;
}

Directory.CreateDirectory(target);
using var identity = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
var archives = new SortedDictionary<string, object>(StringComparer.Ordinal);
foreach (var (device, folder) in published.Select(argument => argument.Split('=')).Select(parts => (parts[0], parts[1])))
{
    var files = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Select(file => (Path: file, Name: Path.GetRelativePath(folder, file).Replace('\\', '/')))
        .OrderBy(file => file.Name, StringComparer.Ordinal)
        .ToList();
    if (!files.Any(file => file.Name == Program))
    {
        Console.Error.WriteLine($"There is no '{Program}' in '{folder}'; publish the trainer for linux-x64, self-contained.");
        return 1;
    }

    var archive = Path.Combine(target, $"{device}.tar.gz");
    using (var compressed = new GZipStream(File.Create(archive), CompressionLevel.Optimal))
    using (var tar = new TarWriter(compressed, TarEntryFormat.Ustar))
    {
        foreach (var (path, name) in files)
        {
            using var content = File.OpenRead(path);
            identity.AppendData(Encoding.UTF8.GetBytes($"{device}/{name}\n"));
            identity.AppendData(SHA256.HashData(content));
            content.Position = 0;
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name)
            {
                DataStream = content,
                Mode = name == Program ? Executable : Readable,
                ModificationTime = DateTimeOffset.UnixEpoch,
            });
        }
    }

    using var packed = File.OpenRead(archive);
    archives[device] = new { file = Path.GetFileName(archive), sha256 = Convert.ToHexStringLower(SHA256.HashData(packed)), bytes = packed.Length };
    Console.WriteLine($"{archive}: {files.Count} files, {packed.Length >> 20} MiB");
}

var id = Convert.ToHexStringLower(identity.GetHashAndReset())[..16];
var build = JsonSerializer.Serialize(new { schemaVersion = 1, id, archives }, new JsonSerializerOptions { WriteIndented = true });
File.WriteAllText(Path.Combine(target, "build.json"), build + "\n");
Console.WriteLine($"Trainer build {id}");
return 0;
