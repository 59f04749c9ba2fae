from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crf", "0012_query_assignments")]

    operations = [
        migrations.AddIndex(
            model_name="formentry",
            index=models.Index(fields=["status", "form_key"], name="entry_by_status"),
        ),
    ]
