from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("studies", "0003_standing_versions"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="historicalstudyversion",
            name="effective_from",
        ),
        migrations.RemoveField(
            model_name="studyversion",
            name="effective_from",
        ),
    ]
